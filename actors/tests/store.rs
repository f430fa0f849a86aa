//! What a store promises, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::ops::Bound;
use std::os::unix::fs::PermissionsExt;

use greenroom_actors::error::Retry;
use greenroom_actors::store::{Bounds, Store, StoreError};

fn keys(found: Vec<(Vec<u8>, u32)>) -> Vec<(String, u32)> {
    let named = found.into_iter();
    named
        .map(|(key, value)| (String::from_utf8(key).unwrap(), value))
        .collect()
}

/// What holds on disk and in memory alike.
fn behaves_as_a_map(store: &Store) {
    let shelf = store.shelf::<u32>("map", Bounds::default()).unwrap();
    for (key, value) in [("b", 2), ("a", 1), ("c", 3), ("b", 20)] {
        shelf.put(key, &value).unwrap();
    }
    assert_eq!((shelf.len(), shelf.get("b").unwrap()), (3, Some(20)));
    assert!(shelf.remove("a").unwrap());
    assert!(!shelf.remove("a").unwrap());
    shelf.put("ab", &4).unwrap();
    let all = keys(shelf.range(Bound::Unbounded, 10).unwrap());
    let expected = [("ab", 4), ("b", 20), ("c", 3)].map(|(key, value)| (key.to_owned(), value));
    assert_eq!(all, expected);
    let after = keys(shelf.range(Bound::Excluded(b"ab"), 1).unwrap());
    assert_eq!(after, expected[1..2]);
    assert_eq!(keys(shelf.prefixed(b"a", 10).unwrap()), expected[..1]);
    assert_eq!(shelf.last_key().unwrap(), Some(b"c".to_vec()));
    assert_eq!(
        store.shelf::<u32>("map", Bounds::default()).unwrap().len(),
        3
    );
}

#[actix_rt::test]
async fn a_shelf_is_a_map_whether_what_it_holds_is_on_disk_or_not() {
    behaves_as_a_map(&Store::temporary());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::open(&path).unwrap();
    behaves_as_a_map(&store);
    store.flush().await.unwrap();
    assert_eq!((store.stats().waiting, store.stats().failures), (0, 0));
    // Half on disk, half not.
    let shelf = store.shelf::<u32>("map", Bounds::default()).unwrap();
    shelf.put("bb", &5).unwrap();
    shelf.remove("c").unwrap();
    let all = keys(shelf.range(Bound::Unbounded, 10).unwrap());
    let names: Vec<_> = all.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(names, ["ab", "b", "bb"]);
    assert_eq!(shelf.last_key().unwrap(), Some(b"bb".to_vec()));
    drop((shelf, store));

    let store = Store::open(&path).unwrap();
    let shelf = store.shelf::<u32>("map", Bounds::default()).unwrap();
    assert_eq!((shelf.len(), shelf.get("bb").unwrap()), (3, Some(5)));
    assert_eq!(shelf.bytes(), "ab4b20bb5".len() as u64);
}

#[actix_rt::test]
async fn many_writers_on_many_threads_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::open(&path).unwrap();
    let shelf = store.shelf::<u64>("map", Bounds::default()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let shelf = shelf.clone();
            scope.spawn(move || {
                for number in 0..500_u64 {
                    let key = (thread * 1_000 + number).to_be_bytes();
                    shelf.put(key, &number).unwrap();
                    if number % 5 == 0 {
                        shelf.remove(key).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(shelf.len(), 1_600);
    store.flush().await.unwrap();
    drop((shelf, store));
    let store = Store::open(&path).unwrap();
    let shelf = store.shelf::<u64>("map", Bounds::default()).unwrap();
    assert_eq!(shelf.range(Bound::Unbounded, 9_999).unwrap().len(), 1_600);
}

#[test]
fn a_shelf_keeps_its_bounds_and_says_which() {
    let store = Store::temporary();
    let bounds = Bounds::default().entries(2).bytes(40).value(24);
    let shelf = store.shelf::<String>("small", bounds).unwrap();
    shelf.put("1", &"one".to_owned()).unwrap();
    shelf.put("2", &"two".to_owned()).unwrap();
    let full = shelf.put("3", &"three".to_owned()).unwrap_err();
    assert!(
        matches!(full, StoreError::Full { entries: 2, .. }),
        "{full}"
    );
    assert_eq!(full.retry(), Retry::Never);
    shelf
        .put("1", &"one more time, but longer".to_owned())
        .unwrap_err();
    let long = shelf.put("1", &"x".repeat(30)).unwrap_err();
    assert!(matches!(
        long,
        StoreError::Oversized {
            length: 32,
            limit: 24,
            ..
        }
    ));
    assert_eq!(
        (shelf.len(), shelf.get("1").unwrap().unwrap()),
        (2, "one".to_owned())
    );
    shelf.remove("2").unwrap();
    shelf.put("3", &"three".to_owned()).unwrap();
}

#[test]
fn what_is_not_readable_is_left_out_and_counted() {
    let store = Store::temporary();
    let words = store.shelf::<String>("mixed", Bounds::default()).unwrap();
    words.put("a", &"a word".to_owned()).unwrap();
    let numbers = store.shelf::<u32>("mixed", Bounds::default()).unwrap();
    numbers.put("b", &7).unwrap();
    assert!(matches!(numbers.get("a"), Err(StoreError::Value { .. })));
    assert_eq!(
        keys(numbers.range(Bound::Unbounded, 9).unwrap()),
        [("b".to_owned(), 7)]
    );
    assert_eq!(store.stats().unreadable, 1);
}

#[actix_rt::test]
async fn a_store_is_for_its_owner_only_and_for_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/store");
    let store = Store::open(&path).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.clone()), mode(path.join("db"))), (0o700, 0o600));
    let locked = Store::open(&path).unwrap_err();
    assert!(matches!(locked, StoreError::Locked { .. }), "{locked}");
    drop(store);
    Store::open(&path).unwrap();
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "mine").unwrap();
    let foreign = Store::open(folder.path()).unwrap_err();
    assert!(matches!(foreign, StoreError::Foreign { .. }), "{foreign}");
    let file = Store::open(folder.path().join("letter.txt")).unwrap_err();
    assert!(file.to_string().contains("letter.txt"), "{file}");
}

#[actix_rt::test]
async fn a_damaged_store_is_moved_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::open(&path).unwrap();
    let shelf = store.shelf::<u32>("map", Bounds::default()).unwrap();
    shelf.put("a", &1).unwrap();
    store.flush().await.unwrap();
    drop((shelf, store));
    fs::write(path.join("conf"), "segment_size: nonsense").unwrap();
    let damage = Store::open(&path).unwrap();
    let aside = damage.moved_aside().expect("it was damaged").to_owned();
    assert!(aside.join("conf").exists());
    assert!(
        damage
            .shelf::<u32>("map", Bounds::default())
            .unwrap()
            .is_empty()
    );
}
