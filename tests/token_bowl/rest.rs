//! The calls over HTTP: each row of the platform's list.

use futures::FutureExt;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, run};
use greenroom::token_bowl::model::{LOGOS, Role};
use greenroom::token_bowl::{
    Api, ApiError, ApiErrorKind, ConversationChanges, NewUser, UserChanges,
};

use super::*;

/// Makes a call as this user.
macro_rules! call {
    ($user:expr, |$api:ident| $call:expr) => {
        $user
            .client
            .call(move |$api: Api| async move { $call.await }.boxed_local())
            .await
    };
}

#[test]
fn tbx_06_messages_and_users() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let bob = User::new(&stage, "bob").await;
        assert_eq!(call!(alice, |api| api.health()).unwrap(), "healthy");
        assert_eq!(call!(alice, |api| api.logos()).unwrap(), LOGOS);
        let sent = call!(alice, |api| api.send_message("1", None)).unwrap();
        let direct = call!(alice, |api| api.send_message("2", Some("bob"))).unwrap();
        let page = call!(bob, |api| api.messages(None, None, None)).unwrap();
        assert_eq!((page.messages.len(), page.pagination.total), (1, 1));
        let since = sent.timestamp;
        let page = call!(bob, |api| api.messages(Some(10), Some(0), Some(since))).unwrap();
        assert!(page.messages.is_empty(), "strictly after");
        let page = call!(bob, |api| api.direct_messages(None, None, None)).unwrap();
        assert_eq!(page.messages[0].id, direct.id);
        let unread = call!(bob, |api| api.unread_messages(None, None)).unwrap();
        assert_eq!(unread[0].id, sent.id);
        let unread = call!(bob, |api| api.unread_direct_messages(Some(5), None)).unwrap();
        assert_eq!(unread.len(), 1);
        assert_eq!(
            call!(bob, |api| api.unread_count()).unwrap().total_unread,
            2
        );
        let other = call!(bob, |api| api.unread_count_of_centrifugo()).unwrap();
        assert_eq!(other.total_unread, 2);
        let id = sent.id.clone();
        call!(bob, |api| api.mark_read(&id)).unwrap();
        assert_eq!(
            call!(bob, |api| api.mark_all_read())
                .unwrap()
                .marked_as_read,
            1
        );
        let id = sent.id.clone();
        assert_eq!(call!(bob, |api| api.message(&id)).unwrap().content, "1");
        assert_eq!(
            call!(bob, |api| api.typing(Some("alice"))).unwrap().to,
            "alice"
        );
        assert_eq!(call!(bob, |api| api.typing(None)).unwrap().to, "room");
        let users = call!(bob, |api| api.users()).unwrap();
        let names: Vec<_> = users.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(names, ["greenroom", "alice", "bob", "admin"]);
        assert_eq!(call!(bob, |api| api.online_users()).unwrap().len(), 2);
        let id = users[1].id.clone();
        assert_eq!(call!(bob, |api| api.user(&id)).unwrap().username, "alice");
        let logo = call!(bob, |api| api.update_my_logo(Some("grok.png"))).unwrap();
        assert_eq!(logo.logo, "grok.png");
        assert_eq!(call!(bob, |api| api.update_my_logo(None)).unwrap().logo, "");
        let hook = call!(bob, |api| api.update_my_webhook(None)).unwrap();
        assert_eq!(hook.webhook_url, "");
        assert_eq!(
            call!(bob, |api| api.my_profile()).unwrap().role,
            Role::Member
        );
        let new = call!(bob, |api| {
            async move { api.register(&NewUser::new("carol")).await }
        })
        .unwrap();
        assert_eq!((new.username.as_str(), new.role), ("carol", Role::Member));
        let taken = call!(bob, |api| {
            async move { api.register(&NewUser::new("carol")).await }
        });
        assert_eq!(taken.unwrap_err().kind, ApiErrorKind::Conflict);
    });
}

#[test]
fn tbx_07_what_admins_may_do() {
    run(async |stage: Stage| {
        let admin = User::new(&stage, "admin").await;
        let bob = User::new(&stage, "bob").await;
        let all = call!(admin, |api| api.all_users()).unwrap();
        let id = all
            .iter()
            .find(|user| user.username == "bob")
            .unwrap()
            .id
            .clone();
        let own = id.clone();
        assert_eq!(
            call!(admin, |api| api.profile(&own)).unwrap().username,
            "bob"
        );
        let own = id.clone();
        let changed = call!(admin, |api| {
            async move {
                let changes = UserChanges {
                    email: Some("bob@example.org".to_owned()),
                    ..UserChanges::default()
                };
                api.update_user(&own, &changes).await
            }
        });
        assert_eq!(changed.unwrap().email.as_deref(), Some("bob@example.org"));
        let own = id.clone();
        let role = call!(admin, |api| {
            async move { api.assign_role(&own, &Role::Viewer).await }
        });
        assert_eq!(role.unwrap().role, Role::Viewer);
        let error = bob.client.send_message("x", None).await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::Permission);
        let error = call!(bob, |api| api.all_users()).unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ApiErrorKind::Permission, "Admin privileges required")
        );
        let said = call!(admin, |api| api.send_message("typo", None)).unwrap();
        let message = said.id.clone();
        assert_eq!(
            call!(admin, |api| api.any_message(&message))
                .unwrap()
                .content,
            "typo"
        );
        let message = said.id.clone();
        let mended = call!(admin, |api| api.update_message(&message, "no typo")).unwrap();
        assert_eq!(mended.content, "no typo");
        let message = said.id.clone();
        call!(admin, |api| api.delete_message(&message)).unwrap();
        let sockets = call!(admin, |api| api.websockets()).unwrap();
        assert_eq!((sockets.total_users, sockets.total_connections), (2, 2));
        let invited = call!(admin, |api| api.invite(
            "eve@example.org",
            "https://h/",
            None
        ));
        assert_eq!(invited.unwrap().role, Role::Member);
        let own = id.clone();
        call!(admin, |api| api.regenerate_api_key(&own)).unwrap();
        call!(admin, |api| api.delete_user(&id)).unwrap();
    });
}

#[test]
fn tbx_08_bots_conversations_and_magic_links() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let bot = call!(alice, |api| api.create_bot("helper", Some("🤖"), None)).unwrap();
        assert_eq!(call!(alice, |api| api.my_bots()).unwrap().len(), 1);
        let id = bot.id.clone();
        let changed = call!(alice, |api| api.update_bot(&id, Some("🦊"), None)).unwrap();
        assert_eq!(changed.emoji.as_deref(), Some("🦊"));
        let id = bot.id.clone();
        call!(alice, |api| api.regenerate_bot_api_key(&id)).unwrap();
        call!(alice, |api| api.delete_bot(&bot.id)).unwrap();

        let said = alice.client.send_message("to be kept", None).await.unwrap();
        let described = ConversationChanges {
            title: Some("t".to_owned()),
            description: Some("d".to_owned()),
            message_ids: Some(vec![said.id]),
        };
        let made = call!(alice, |api| {
            async move { api.create_conversation(&described).await }
        })
        .unwrap();
        let all = call!(alice, |api| api.conversations(None, None)).unwrap();
        assert_eq!(
            (all.conversations.len(), all.pagination.total),
            (1, 1),
            "D-15"
        );
        let id = made.id.clone();
        let found = call!(alice, |api| api.conversation(&id)).unwrap();
        assert_eq!(found.message_ids.len(), 1);
        let id = made.id.clone();
        let changed = call!(alice, |api| {
            async move {
                let changes = ConversationChanges {
                    title: Some("new".to_owned()),
                    ..ConversationChanges::default()
                };
                api.update_conversation(&id, &changes).await
            }
        });
        assert_eq!(changed.unwrap().title.as_deref(), Some("new"));
        call!(alice, |api| api.delete_conversation(&made.id)).unwrap();

        call!(alice, |api| api.send_magic_link("eve@example.org", None)).unwrap();
        let login = call!(alice, |api| api.authenticate_magic_link("sim-magic-token")).unwrap();
        assert_eq!(login.username, "eve");
        let token = login.session_token;
        let profile = call!(alice, |api| {
            async move { api.with_session_token(token).my_profile().await }
        });
        assert_eq!(profile.unwrap().username, "eve");
        let wrong = call!(alice, |api| api.authenticate_magic_link("guess")).unwrap_err();
        assert_eq!(wrong.kind, ApiErrorKind::Authentication);
    });
}

#[test]
fn tbx_09_and_d14_each_status_is_a_kind_of_error() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let platform = stage.platform("token_bowl");
        for (status, kind) in [
            (400, ApiErrorKind::BadRequest),
            (401, ApiErrorKind::Authentication),
            (403, ApiErrorKind::Permission),
            (404, ApiErrorKind::NotFound),
            (409, ApiErrorKind::Conflict),
            (422, ApiErrorKind::Validation),
            (429, ApiErrorKind::RateLimit),
            (500, ApiErrorKind::Server),
        ] {
            platform.fault(Fault::new(FaultKind::Http).status(status));
            let error = alice.client.get_my_profile().await.unwrap_err();
            assert_eq!((error.kind, error.status), (kind, Some(status)));
            assert_eq!(error.message, "Injected fault");
        }
    });
}

#[test]
fn what_reads_is_tried_again_and_what_changes_something_is_not() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let platform = stage.platform("token_bowl");
        let busy = |count| Fault::new(FaultKind::Http).status(503).count(count);
        platform.fault(busy(2));
        alice.client.get_my_profile().await.unwrap();
        platform.fault(busy(3));
        let error = alice.client.get_my_profile().await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::Server);
        platform.fault(busy(1));
        let error: ApiError = call!(alice, |api| api.send_message("once", None)).unwrap_err();
        assert_eq!(error.status, Some(503));
        // A connection that breaks while the answer is awaited: it may have been carried out.
        platform.fault(Fault::new(FaultKind::Disconnect).path("/messages"));
        let error = call!(alice, |api| api.send_message("twice", None)).unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::Network);
        let page = call!(alice, |api| api.messages(None, None, None)).unwrap();
        assert!(page.messages.len() <= 1);
    });
}

#[test]
fn arguments_out_of_bounds_are_refused_before_anything_is_sent() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let before = requests(&stage.platform("token_bowl")).len();
        let long = "x".repeat(51);
        let name = long.clone();
        for error in [
            call!(alice, |api| api.messages(Some(0), None, None)).unwrap_err(),
            call!(alice, |api| api.messages(Some(1_001), None, None)).unwrap_err(),
            call!(alice, |api| api.conversations(Some(101), None)).unwrap_err(),
            call!(alice, |api| api.update_my_username(&name)).unwrap_err(),
            call!(alice, |api| api.update_my_webhook(Some("ftp://h"))).unwrap_err(),
            call!(alice, |api| api.send_magic_link("x", None)).unwrap_err(),
            call!(alice, |api| api.authenticate_magic_link("")).unwrap_err(),
            call!(alice, |api| api.send_message("", None)).unwrap_err(),
            call!(alice, |api| api.send_message("x", Some(&long))).unwrap_err(),
        ] {
            assert_eq!((error.kind, error.status), (ApiErrorKind::Validation, None));
        }
        assert_eq!(requests(&stage.platform("token_bowl")).len(), before);
    });
}
