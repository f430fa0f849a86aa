//! The JSON form, which is also what the API of the older wire speaks.

use greenroom_proto::mezon::{
    Wire,
    api::{ChannelDescList, RoleListEventResponse, UpdateRoleRequest},
    realtime::{Channel, ClanJoin, Envelope, UserPresence, envelope::Message},
};
use serde_json::json;

#[test]
fn ids_are_text_or_numbers() {
    let list: ChannelDescList = serde_json::from_value(json!({
        "channeldesc": [
            {"clan_id": "0", "channel_id": "5000000000000000001", "type": 3, "user_ids": ["4", 5]},
            {"clan_id": "", "channel_id": 7, "what_is_this": {}},
        ],
        "cursor": "",
    }))
    .unwrap();
    let channel = &list.channeldesc[0];
    assert_eq!(channel.channel_id, 5_000_000_000_000_000_001);
    assert_eq!((channel.clan_id, channel.r#type), (0, 3));
    assert_eq!(channel.user_ids, [4, 5]);
    assert_eq!(list.channeldesc[1].channel_id, 7);

    for bad in [json!("abc"), json!(1.5), json!(u64::MAX), json!([])] {
        assert!(serde_json::from_value::<ClanJoin>(json!({ "clan_id": bad })).is_err());
    }
}

#[test]
fn names_are_those_of_the_files() {
    let presence = UserPresence {
        user_id: i64::MIN,
        ..UserPresence::default()
    };
    let channel = Channel {
        self_: Some(presence),
        ..Channel::default()
    };
    let value = serde_json::to_value(&channel).unwrap();
    assert_eq!(value["self"]["user_id"], "-9223372036854775808");
    assert_eq!(serde_json::from_value::<Channel>(value).unwrap(), channel);

    for name in ["clanId", "clan_id"] {
        let roles: RoleListEventResponse = serde_json::from_value(json!({ name: "4" })).unwrap();
        assert_eq!(roles.clan_id, 4);
    }
    let clear: UpdateRoleRequest = serde_json::from_value(json!({ "title": "" })).unwrap();
    assert_eq!(
        (clear.title.as_deref(), clear.color.as_deref()),
        (Some(""), None)
    );
}

#[test]
fn an_envelope_has_its_event_as_a_field() {
    let join = ClanJoin {
        clan_id: 4,
        ..ClanJoin::default()
    };
    let envelope = Envelope {
        cid: 2,
        message: Some(Message::ClanJoin(Box::new(join))),
    };
    let value = serde_json::to_value(&envelope).unwrap();
    assert_eq!(value["cid"], 2);
    assert_eq!(value["clan_join"]["clan_id"], "4");
    assert_eq!(serde_json::from_value::<Envelope>(value).unwrap(), envelope);
    assert_eq!(
        serde_json::from_value::<Envelope>(json!({})).unwrap(),
        Envelope::default()
    );
}

#[test]
fn wires_have_short_names() {
    for (wire, name) in [(Wire::V1, "v1"), (Wire::V2, "v2")] {
        assert_eq!(serde_json::to_value(wire).unwrap(), name);
        assert_eq!(serde_json::from_value::<Wire>(json!(name)).unwrap(), wire);
        assert_eq!(
            (wire.to_string(), name.parse()),
            (name.to_owned(), Ok(wire))
        );
    }
    assert!("V1".parse::<Wire>().is_err());
}
