//! A Ticos device with all five handlers, and a line about itself every 30 s.
//!
//! ```sh
//! cargo run --example ticos_quick_start
//! ```
//!
//! Then, in another terminal, the agent of the simulator dials it and speaks:
//!
//! ```sh
//! cargo run -- sim --ports control=7360
//! curl -d '{"url": "ws://127.0.0.1:9999/realtime"}' 127.0.0.1:7360/ticos/connect
//! curl -d '{"name": "motion", "arguments": {"motion_tag": "hug"}}' 127.0.0.1:7360/ticos/send
//! curl -d '{"from": "alice", "text": "hello"}' 127.0.0.1:7360/ticos/say
//! ```
//!
//! `PORT` takes another port. Files are read and kept in `~/.config/ticos`.

use std::time::Duration;

use greenroom::ticos::{Conversation, Device, TicosError};
use serde_json::Value;

#[actix_rt::main]
async fn main() -> Result<(), TicosError> {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    let device = Device::new(port.unwrap_or(9_999))?;
    device.set_message_handler(|message: &Value| println!("message: {message}"));
    device.set_motion_handler(|arguments: &Value| println!("motion: {arguments}"));
    device.set_emotion_handler(|arguments: &Value| println!("emotion: {arguments}"));
    device.set_function_call_handler(|name: &str, parameters: &Value| {
        println!("function {name}: {parameters}");
    });
    device.set_conversation_handler(|said: &Conversation| {
        println!("{}: {}", said.role, said.content);
    });
    device.enable_local_storage()?;
    if !device.start() {
        eprintln!("the device does not start");
        return Ok(());
    }
    let mut status = tokio::time::interval(Duration::from_secs(30));
    loop {
        tokio::select! {
            _ = status.tick() => {
                if let Some(stats) = device.client().stats() {
                    println!("{} agents, {} messages", stats.connections, stats.received);
                }
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    device.stop();
    Ok(())
}
