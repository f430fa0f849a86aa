//! Who is in a world and where they speak: for a load that is like it.

use greenroom_proto::mezon::api;

use super::defaults;
use super::world::channel_type;
use crate::simulator::{SimulatorError, World};

/// The clans, channels and people of a world.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) clans: Vec<api::ClanDesc>,
    /// The channels of clans in which text is written.
    pub(crate) channels: Vec<api::ChannelDescription>,
    pub(crate) users: Vec<api::User>,
}

impl Cast {
    /// Reads it from a file for the simulator, which may extend the default world.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub(crate) fn of(world: &World) -> Result<Self, SimulatorError> {
        let (world, _) = defaults::load(world.section(super::MAKER.name))?;
        let text = |desc: &api::ChannelDescription| {
            let kind = desc.r#type;
            desc.clan_id != 0 && (kind == channel_type::TEXT || kind == channel_type::THREAD)
        };
        let channels = world.channels.values().map(|channel| &channel.desc);
        let users = world.users.values();
        Ok(Self {
            clans: world.clans.values().cloned().collect(),
            channels: channels.filter(|desc| text(desc)).cloned().collect(),
            users: users
                .filter(|user| !world.bots.contains_key(&user.id))
                .cloned()
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_speak_and_only_where_text_is_written() {
        let cast = Cast::of(&World::default()).unwrap();
        let names: Vec<_> = cast
            .users
            .iter()
            .map(|user| user.username.as_str())
            .collect();
        assert_eq!(names, ["alice", "bob"]);
        let channels: Vec<_> = cast
            .channels
            .iter()
            .map(|channel| channel.channel_label.as_str())
            .collect();
        assert_eq!(channels, ["general", "backstage"]);
        assert_eq!(cast.clans.len(), 1);
    }
}
