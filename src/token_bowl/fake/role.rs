//! What users may do.

use serde::Deserialize;

use super::failure::Failure;

/// The role of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Admin,
    #[default]
    Member,
    Viewer,
    Bot,
}

impl Role {
    pub(super) const ALL: [Self; 4] = [Self::Admin, Self::Member, Self::Viewer, Self::Bot];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
            Self::Bot => "bot",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Returns the role that flags ask for: admin before viewer before bot.
    pub(super) fn of_flags(admin: bool, viewer: bool, bot: bool) -> Self {
        match (admin, viewer, bot) {
            (true, _, _) => Self::Admin,
            (_, true, _) => Self::Viewer,
            (_, _, true) => Self::Bot,
            _ => Self::Member,
        }
    }

    /// Says whether users of this role may send messages; with `strict` bots may not send direct ones, as on the public server.
    pub(super) fn may_send(self, is_direct: bool, strict: bool) -> Result<(), Failure> {
        let (kind, is_allowed) = match (self, is_direct) {
            (Self::Viewer, false) => ("room", false),
            (Self::Viewer, true) => ("direct", false),
            (Self::Bot, true) => ("direct", !strict),
            _ => ("", true),
        };
        if is_allowed {
            return Ok(());
        }
        Err(Failure::forbidden(format!(
            "Your role '{}' does not have permission to send {kind} messages",
            self.name()
        )))
    }

    pub(super) fn may_update_self(self) -> Result<(), Failure> {
        self.need("users:update:own", self != Self::Viewer)
    }

    pub(super) fn may_create_bots(self) -> Result<(), Failure> {
        self.need("bots:create", matches!(self, Self::Admin | Self::Member))
    }

    pub(super) fn may_assign_roles(self) -> Result<(), Failure> {
        self.need("users:assign_roles", self == Self::Admin)
    }

    pub(super) fn is_admin(self) -> Result<(), Failure> {
        match self {
            Self::Admin => Ok(()),
            _ => Err(Failure::forbidden("Admin privileges required")),
        }
    }

    fn need(self, permission: &str, is_allowed: bool) -> Result<(), Failure> {
        if is_allowed {
            return Ok(());
        }
        Err(Failure::forbidden(format!(
            "Permission '{permission}' required. Your role '{}' does not have this permission.",
            self.name()
        )))
    }
}
