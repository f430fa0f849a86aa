//! Dead letters: what a handler cannot handle is kept on disk, and delivered again once the cause is mended. Runs by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenroom::actors::clock;
use greenroom::actors::event::Origin;
use greenroom::actors::router::{Router, Selection, closure};
use greenroom::actors::store::Store;
use greenroom::actors::supervisor::Root;
use greenroom::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Tip {
    from: String,
    amount: u64,
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::open(std::env::temp_dir().join("greenroom-example-dead-letters"))?;
    let router = Router::default();
    router.keep_in(&store)?;

    let bank_is_open = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&bank_is_open);
    let bank = closure("bank", async move |tip: Event<Tip>| {
        if !open.load(Ordering::Relaxed) {
            return Err(HandlerError::transient("the bank is closed"));
        }
        println!("booked {} from {}", tip.amount, tip.from);
        Ok(())
    });
    let handlers = Supervisor::new("handlers", Strategy::OneForOne);
    let root = Root::start(handlers.child(bank.attempts(2).register(&router)));

    // A bot's platforms are the origins of its events; here we are one ourselves.
    let origin = Origin::new("example", "teller", &router);
    for (number, from) in [(1, "alice"), (2, "bob")] {
        let (from, amount) = (from.to_owned(), 10);
        let event = Event::new(&origin, number, ChannelKey::new(0, 1), Tip { from, amount });
        router.topic().publish(event).await;
    }
    router.drained(clock::now() + Duration::from_secs(10)).await;
    for letter in router.dead_letters().list() {
        println!(
            "letter {}: {} ({})",
            letter.number, letter.payload, letter.reason
        );
    }

    println!("the bank opens");
    bank_is_open.store(true, Ordering::Relaxed);
    router.replay_all(&Selection::default().handler("bank"))?;
    router.drained(clock::now() + Duration::from_secs(10)).await;
    println!("{} letters are left", router.dead_letters().kept().letters);
    root.shutdown().await;
    store.flush().await?;
    Ok(())
}
