//! The table of requests over HTTP, and how a request finds its row.

use super::admin;
use super::bots;
use super::conversations;
use super::failure::Failure;
use super::link;
use super::messages;
use super::rest::{Call, Outcome, Rest};
use super::role::Role;
use super::users;

/// What a caller must show.
#[derive(Clone, Copy)]
pub(super) enum Access {
    /// Nothing.
    Open,
    /// A key or a session.
    Key,
    /// A key of somebody whose role allows it.
    Role(fn(Role) -> Result<(), Failure>),
}

/// A row of the table.
#[derive(Clone, Copy)]
pub(super) struct Route {
    method: &'static str,
    path: &'static str,
    pub(super) access: Access,
    pub(super) run: fn(&mut Rest<'_>, &Call<'_>) -> Outcome,
}

/// What a path leads to.
pub(super) enum Found {
    /// A row, with what stands in its places.
    Row(Route, Vec<String>),
    /// A path of other methods.
    Method(Vec<&'static str>),
    /// The same path without its last slash leads somewhere.
    Slash,
    Nothing,
}

/// Finds the row of a request.
pub(super) fn find(method: &str, path: &str) -> Found {
    match look(method, path) {
        Found::Nothing if path.len() > 1 && path.ends_with('/') => {
            match look(method, path.trim_end_matches('/')) {
                Found::Nothing => Found::Nothing,
                _ => Found::Slash,
            }
        }
        found => found,
    }
}

fn look(method: &str, path: &str) -> Found {
    let mut methods = Vec::new();
    for route in ROUTES {
        let Some(places) = fits(route.path, path) else {
            continue;
        };
        if route.method == method {
            return Found::Row(*route, places);
        }
        methods.push(route.method);
    }
    match methods.is_empty() {
        true => Found::Nothing,
        false => Found::Method(methods),
    }
}

/// Compares a path with the pattern of a row; returns what stands in the places of the pattern.
fn fits(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut places = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(places),
            (Some("{}"), Some(part)) if !part.is_empty() => {
                places.push(crate::simulator::decode(part));
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

const fn open(
    method: &'static str,
    path: &'static str,
    run: fn(&mut Rest<'_>, &Call<'_>) -> Outcome,
) -> Route {
    Route {
        method,
        path,
        access: Access::Open,
        run,
    }
}

const fn keyed(
    method: &'static str,
    path: &'static str,
    run: fn(&mut Rest<'_>, &Call<'_>) -> Outcome,
) -> Route {
    Route {
        access: Access::Key,
        ..open(method, path, run)
    }
}

const fn own(
    method: &'static str,
    path: &'static str,
    run: fn(&mut Rest<'_>, &Call<'_>) -> Outcome,
) -> Route {
    Route {
        access: Access::Role(Role::may_update_self),
        ..open(method, path, run)
    }
}

const fn admin(
    method: &'static str,
    path: &'static str,
    run: fn(&mut Rest<'_>, &Call<'_>) -> Outcome,
) -> Route {
    Route {
        access: Access::Role(Role::is_admin),
        ..open(method, path, run)
    }
}

/// The rows, of which the first that fits counts.
const ROUTES: &[Route] = &[
    open("GET", "/health", users::health),
    open("POST", "/register", users::register),
    keyed("POST", "/messages", messages::send),
    keyed("GET", "/messages", messages::room),
    keyed("GET", "/messages/direct", messages::direct),
    keyed("GET", "/messages/unread", messages::unread_room),
    keyed("GET", "/messages/direct/unread", messages::unread_direct),
    keyed("GET", "/messages/unread/count", messages::unread_count),
    keyed("GET", "/unread", messages::unread_count),
    keyed("POST", "/messages/{}/read", messages::mark),
    keyed("POST", "/messages/mark-all-read", messages::mark_all),
    keyed("GET", "/messages/{}", messages::get),
    keyed("POST", "/typing", messages::typing),
    keyed("GET", "/users", users::list),
    keyed("GET", "/users/online", users::online),
    open("GET", "/logos", users::logos),
    own("PATCH", "/users/me/logo", users::set_logo),
    own("PATCH", "/users/me/webhook", users::set_hook),
    keyed("GET", "/users/me", users::me),
    own("PATCH", "/users/me/username", users::rename),
    keyed("POST", "/users/me/regenerate-api-key", users::renew_key),
    keyed("GET", "/users/{}", users::get),
    admin("GET", "/admin/users", admin::users),
    admin("GET", "/admin/users/{}", admin::user),
    admin("PATCH", "/admin/users/{}", admin::update_user),
    admin("DELETE", "/admin/users/{}", admin::delete_user),
    Route {
        access: Access::Role(Role::may_assign_roles),
        ..admin("PATCH", "/admin/users/{}/role", admin::assign)
    },
    admin(
        "POST",
        "/admin/users/{}/regenerate-api-key",
        admin::renew_key,
    ),
    admin("GET", "/admin/messages/{}", admin::message),
    admin("PATCH", "/admin/messages/{}", admin::update_message),
    admin("DELETE", "/admin/messages/{}", admin::delete_message),
    admin(
        "DELETE",
        "/admin/conversations/{}",
        admin::delete_conversation,
    ),
    admin("GET", "/admin/websocket/connections", admin::connections),
    admin("POST", "/admin/invite", link::invite),
    open("POST", "/auth/magic-link/send", link::send),
    open("POST", "/auth/magic-link/authenticate", link::authenticate),
    Route {
        access: Access::Role(Role::may_create_bots),
        ..keyed("POST", "/bots", bots::create)
    },
    keyed("GET", "/bots/me", bots::mine),
    keyed("PATCH", "/bots/{}", bots::update),
    keyed("DELETE", "/bots/{}", bots::delete),
    keyed("POST", "/bots/{}/regenerate-api-key", bots::renew_key),
    keyed("POST", "/conversations", conversations::create),
    keyed("GET", "/conversations", conversations::list),
    keyed("GET", "/conversations/{}", conversations::get),
    keyed("PATCH", "/conversations/{}", conversations::update),
    keyed("DELETE", "/conversations/{}", conversations::delete),
    keyed(
        "GET",
        "/centrifugo/connection-token",
        link::connection_token,
    ),
];
