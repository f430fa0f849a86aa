//! The message store, whichever engine keeps it.

use std::path::Path;
use std::sync::Arc;

use greenroom::ticos::{
    Memory, MemoryType, Message, MessageRole, SledStorageService, StorageService,
};
use serde_json::json;

use super::{Device, settings, stored};

type Make = Box<dyn Fn() -> Arc<dyn StorageService>>;

fn engines() -> Vec<(&'static str, Make)> {
    let sled: Make = Box::new(|| Arc::new(SledStorageService::new()));
    [("sled", sled)].into_iter().chain(optional()).collect()
}

#[cfg(feature = "ticos-sqlite")]
fn optional() -> Option<(&'static str, Make)> {
    Some((
        "sqlite",
        Box::new(|| Arc::new(greenroom::ticos::SQLiteStorageService::new())),
    ))
}

#[cfg(not(feature = "ticos-sqlite"))]
fn optional() -> Option<(&'static str, Make)> {
    None
}

fn opened(make: &dyn Fn() -> Arc<dyn StorageService>, root: &Path) -> Arc<dyn StorageService> {
    let store = make();
    store.set_store_root_dir(root, None);
    store.initialize().unwrap();
    store
}

fn message(id: u64, role: MessageRole, content: &str) -> Message {
    Message {
        id: id.to_string(),
        role,
        content: content.to_owned(),
        item_id: Some(format!("item{id}")),
        user_id: "nobody".to_owned(),
        datetime: "2026-11-20 10:23:41".to_owned(),
    }
}

fn memory(content: &str, datetime: &str) -> Memory {
    Memory {
        id: 0,
        kind: MemoryType::LongTerm,
        content: content.to_owned(),
        user_id: "nobody".to_owned(),
        datetime: datetime.to_owned(),
    }
}

#[test]
fn messages_are_kept_changed_and_found() {
    for (engine, make) in engines() {
        let root = tempfile::tempdir().unwrap();
        let store = opened(&*make, root.path());
        let texts = |offset, limit, desc| -> Vec<String> {
            let page = store.get_messages(offset, limit, desc);
            page.into_iter().map(|message| message.content).collect()
        };
        // Defect 13: numbers, not texts: 9 is before 10.
        for id in [10, 9, 11] {
            assert!(
                store.save_message(&message(id, MessageRole::Assistant, &format!("{id}"))),
                "{engine}"
            );
        }
        // Defect 11: all of one second.
        assert_eq!(texts(0, 10, true), ["11", "10", "9"], "{engine}");
        assert_eq!(texts(0, -1, false), ["9", "10", "11"]);
        assert_eq!(texts(-5, 1, true), ["11"]);
        assert_eq!(texts(2, 5, true), ["9"]);
        assert_eq!(texts(3, 5, true), Vec::<String>::new());
        assert_eq!((store.count_messages(), store.last_message_id()), (3, 11));
        let found = store.get_message_by_item_id("item10").unwrap();
        assert_eq!(found, message(10, MessageRole::Assistant, "10"));
        assert_eq!(store.get_message("10"), Some(found.clone()));
        assert_eq!(store.get_message("12"), None);
        assert_eq!(store.get_message_by_item_id("item1"), None);
        // Replaced by id, also with another date and item.
        let mut moved = message(10, MessageRole::System, "moved");
        moved.datetime = "2025-01-01 00:00:00".to_owned();
        moved.item_id = None;
        assert!(store.save_message(&moved));
        assert_eq!(texts(0, -1, false), ["moved", "9", "11"]);
        assert_eq!(store.get_message_by_item_id("item10"), None);
        assert_eq!(store.count_messages(), 3);
        assert!(store.delete_message("10"));
        assert!(!store.delete_message("10"));
        // Defect 25: rows of users say that they were changed.
        assert!(store.save_message(&message(20, MessageRole::User, "")));
        assert!(
            store.update_message("20", &message(20, MessageRole::User, "text")),
            "{engine}"
        );
        assert!(!store.update_message("21", &message(21, MessageRole::User, "text")));
        assert_eq!(store.count_messages(), 3);
        store.close();
    }
}

#[test]
fn only_the_neighbour_is_replaced_by_a_text_that_grows() {
    for (engine, make) in engines() {
        let root = tempfile::tempdir().unwrap();
        let store = opened(&*make, root.path());
        let user = |id, text: &str| {
            store.save_message(&message(id, MessageRole::User, ""));
            store.update_message(&id.to_string(), &message(id, MessageRole::User, text));
        };
        user(9, "hello.");
        user(10, "hello there");
        assert_eq!(store.get_message("9"), None, "{engine}: 9 is before 10");
        store.save_message(&message(11, MessageRole::Assistant, "hello"));
        user(12, "hello there, you");
        assert!(
            store.get_message("10").is_some(),
            "{engine}: somebody answered in between"
        );
        user(13, "hello there, you");
        assert!(
            store.get_message("12").is_some(),
            "{engine}: the same text again"
        );
        store.close();
    }
}

#[test]
fn memories_are_numbered_and_ordered() {
    for (engine, make) in engines() {
        let root = tempfile::tempdir().unwrap();
        let store = opened(&*make, root.path());
        assert_eq!(store.get_latest_memory(), None);
        for (content, date) in [
            ("a", "2026-01-01 00:00:00"),
            ("b", "2026-01-01 00:00:00"),
            ("old", "2025-01-01 00:00:00"),
        ] {
            assert!(store.save_memory(&memory(content, date)));
        }
        let latest = store.get_latest_memory().unwrap();
        assert_eq!(
            (latest.id, &*latest.content),
            (2, "b"),
            "{engine}: the newer of one second"
        );
        let contents = |desc| -> Vec<String> {
            store
                .get_memories(0, -1, desc)
                .into_iter()
                .map(|memory| memory.content)
                .collect()
        };
        assert_eq!(contents(true), ["b", "a", "old"]);
        assert_eq!(store.count_memories(), 3);
        let mut changed = memory("c", "2026-01-01 00:00:00");
        changed.kind = MemoryType::ShortTerm;
        assert!(store.update_memory(1, &changed));
        assert!(!store.update_memory(9, &changed));
        assert_eq!(store.get_memory(1).unwrap().kind, MemoryType::ShortTerm);
        assert!(store.delete_memory(3) && !store.delete_memory(3));
        store.close();
        let store = opened(&*make, root.path());
        store.save_memory(&memory("new", "2026-02-01 00:00:00"));
        let latest = store.get_latest_memory().unwrap();
        assert_eq!(latest.content, "new");
        assert!(latest.id >= 3, "{engine}");
        store.close();
    }
}

#[test]
fn a_store_that_is_not_open_fails_cleanly() {
    for (_, make) in engines() {
        let store = make();
        assert!(store.initialize().is_err(), "there is no folder");
        assert!(!store.save_message(&message(1, MessageRole::User, "x")));
        assert_eq!(store.get_messages(0, -1, true), []);
        assert_eq!(
            (store.get_message("1"), store.get_latest_memory()),
            (None, None)
        );
        let root = tempfile::tempdir().unwrap();
        store.set_store_root_dir(root.path(), Some("own.db"));
        store.initialize().unwrap();
        store.initialize().unwrap();
        assert!(store.save_message(&message(1, MessageRole::User, "x")));
        store.close();
        store.close();
        assert!(!store.save_message(&message(2, MessageRole::User, "x")));
        store.initialize().unwrap();
        assert_eq!(
            store.get_messages(0, -1, true),
            [message(1, MessageRole::User, "x")]
        );
    }
}

#[test]
fn threads_do_not_lose_one_anothers_rows() {
    // Defect 20.
    for (engine, make) in engines() {
        let root = tempfile::tempdir().unwrap();
        let store = opened(&*make, root.path());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..300 {
                        let id = thread * 1_000 + number;
                        assert!(store.save_message(&message(id, MessageRole::Assistant, "x")));
                        assert!(store.get_message_by_item_id(&format!("item{id}")).is_some());
                    }
                });
            }
        });
        assert_eq!(store.count_messages(), 1_200, "{engine}");
        store.close();
    }
}

#[actix_rt::test]
async fn numbers_go_on_where_the_last_run_has_stopped() {
    // Defect 8: a burst runs ahead of the clock, and nothing is replaced after a restart.
    let home = tempfile::tempdir().unwrap();
    let (mut last, mut all) = (0, 0);
    for (round, count) in [40, 5].into_iter().enumerate() {
        let device = Device::start(stored(home.path())).await;
        let mut agent = device.agent().await;
        for number in 0..count {
            agent.send(&json!({"message_id": format!("{round} {number}"), "role": "user", "content": format!("{round} {number} text")})).await;
            device.names(2).await;
        }
        all += count;
        let page = device.client.storage().unwrap().get_messages(0, -1, false);
        assert_eq!(page.len(), all);
        let ids: Vec<u64> = page
            .iter()
            .map(|message| message.id.parse().unwrap())
            .collect();
        assert!(
            ids.is_sorted() && ids.windows(2).all(|pair| pair[0] < pair[1]),
            "{ids:?}"
        );
        assert!(*ids.last().unwrap() > last);
        last = *ids.last().unwrap();
        device.stop().await;
    }
}

/// A store of one's own: it keeps nothing but the names of what was asked.
#[derive(Clone, Default)]
struct Spy(Arc<std::sync::Mutex<Vec<&'static str>>>);

impl Spy {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }
}

impl StorageService for Spy {
    fn set_store_root_dir(&self, _: &Path, _: Option<&str>) {
        self.note("root");
    }
    fn initialize(&self) -> Result<(), greenroom::ticos::StorageError> {
        self.note("initialize");
        Ok(())
    }
    fn save_message(&self, _: &Message) -> bool {
        self.note("save");
        true
    }
    fn get_message(&self, _: &str) -> Option<Message> {
        None
    }
    fn update_message(&self, _: &str, _: &Message) -> bool {
        false
    }
    fn delete_message(&self, _: &str) -> bool {
        false
    }
    fn get_messages(&self, _: i64, _: i64, _: bool) -> Vec<Message> {
        Vec::new()
    }
    fn get_message_by_item_id(&self, _: &str) -> Option<Message> {
        None
    }
    fn save_memory(&self, _: &Memory) -> bool {
        false
    }
    fn get_memory(&self, _: i64) -> Option<Memory> {
        None
    }
    fn update_memory(&self, _: i64, _: &Memory) -> bool {
        false
    }
    fn delete_memory(&self, _: i64) -> bool {
        false
    }
    fn get_latest_memory(&self) -> Option<Memory> {
        None
    }
    fn get_memories(&self, _: i64, _: i64, _: bool) -> Vec<Memory> {
        Vec::new()
    }
    fn close(&self) {
        self.note("close");
    }
}

#[actix_rt::test]
async fn a_store_of_ones_own_gets_the_calls() {
    let home = tempfile::tempdir().unwrap();
    let spy = Spy::default();
    let device = Device::start(settings(home.path()).storage(spy.clone())).await;
    let mut agent = device.agent().await;
    agent
        .send(&json!({"message_id": "m", "role": "user", "content": "hi"}))
        .await;
    device.names(2).await;
    device.stop().await;
    assert_eq!(
        *spy.0.lock().unwrap(),
        ["root", "initialize", "save", "close"]
    );
}

#[test]
fn names_of_roles_are_checked() {
    assert_eq!("user".parse(), Ok(MessageRole::User));
    assert!("User".parse::<MessageRole>().is_err());
    assert!("".parse::<MemoryType>().is_err());
    let wrong =
        r#"{"id":"1","role":"robot","content":"","item_id":null,"user_id":"nobody","datetime":""}"#;
    assert!(serde_json::from_str::<Message>(wrong).is_err());
}

#[cfg(feature = "ticos-sqlite")]
mod sqlite {
    use super::super::{row, rows};
    use super::*;

    const OLD: &str = "
        CREATE TABLE messages (id TEXT PRIMARY KEY, role TEXT NOT NULL, content TEXT NOT NULL, item_id TEXT, datetime TEXT NOT NULL);
        CREATE TABLE memories (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, content TEXT NOT NULL, datetime TEXT NOT NULL);
        INSERT INTO messages VALUES ('1795170221', 'user', '你好', 'item_u1', '2026-11-20 10:23:41');
        INSERT INTO messages VALUES ('1795170223', 'assistant', 'Hello', 'item_a1', '2026-11-20 10:23:43');
        INSERT INTO memories (type, content, datetime) VALUES ('long_term', 'likes tea', '2026-11-20 10:24:00');";

    fn old_store(home: &Path) {
        let folder = home.join(".config/ticos");
        std::fs::create_dir_all(&folder).unwrap();
        let database = rusqlite::Connection::open(folder.join("ticos.db")).unwrap();
        database.execute_batch(OLD).unwrap();
    }

    #[actix_rt::test]
    async fn an_old_store_is_imported_once() {
        let home = tempfile::tempdir().unwrap();
        old_store(home.path());
        for _ in 0..2 {
            let device = Device::start(stored(home.path())).await;
            let expected = [
                row("user", "item_u1", "你好"),
                row("assistant", "item_a1", "Hello"),
            ];
            assert_eq!(rows(&device.client), expected);
            let store = device.client.storage().unwrap();
            assert_eq!(store.get_latest_memory().unwrap().content, "likes tea");
            assert_eq!(store.get_message("1795170221").unwrap().user_id, "nobody");
            device.stop().await;
        }
    }

    #[test]
    fn an_old_store_is_brought_up_to_date() {
        let home = tempfile::tempdir().unwrap();
        old_store(home.path());
        let make =
            || Arc::new(greenroom::ticos::SQLiteStorageService::new()) as Arc<dyn StorageService>;
        let store = opened(&make, home.path());
        assert_eq!(store.get_messages(0, -1, false).len(), 2);
        assert!(store.save_message(&message(1_795_170_224, MessageRole::User, "new")));
        store.close();
        let file = home.path().join(".config/ticos/ticos.db");
        let database = rusqlite::Connection::open(file).unwrap();
        let version: (i64, i64) = database
            .query_row("SELECT id, version FROM db_version", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(version, (1, 1));
        let users: i64 = database
            .query_row(
                "SELECT COUNT(*) FROM messages WHERE user_id = 'nobody'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(users, 3);
        // Defect 19: neither a look-up nor a page reads the whole table.
        for query in [
            "SELECT * FROM messages WHERE item_id = 'x'",
            "SELECT * FROM messages ORDER BY datetime DESC, CAST(id AS INTEGER) DESC LIMIT 10",
        ] {
            let plan: String = database
                .query_row(&format!("EXPLAIN QUERY PLAN {query}"), [], |row| row.get(3))
                .unwrap();
            assert!(plan.contains("USING INDEX"), "{plan}");
        }
    }
}
