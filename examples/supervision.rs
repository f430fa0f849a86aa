//! A supervised actor that panics: a new value takes over behind the same address, and nothing that waited is lost.

use actix::{Actor, Context, Handler, Message};
use greenroom::actors::supervisor::Root;
use greenroom::prelude::*;

/// Adds up numbers, and cannot bear 13.
#[derive(Default)]
struct Adder {
    sum: u32,
}

impl Actor for Adder {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Add(u32);

impl Handler<Add> for Adder {
    type Result = u32;

    fn handle(&mut self, Add(number): Add, _: &mut Self::Context) -> u32 {
        assert!(number != 13, "I will not add thirteen");
        self.sum += number;
        self.sum
    }
}

#[actix_rt::main]
async fn main() {
    let spec = ChildSpec::new("adder", Adder::default);
    let adder = spec.address();
    let tree = Root::start(Supervisor::new("tree", Strategy::OneForOne).child(spec));

    for number in [1, 2, 13, 4, 5] {
        match adder.ask(Add(number)).await {
            Ok(sum) => println!("+ {number:2} = {sum}"),
            Err(error) => println!("+ {number:2}: {error}"),
        }
    }
    println!("\n{}", tree.snapshot());
    tree.shutdown().await;
}
