//! A device in a test with the other platforms, and the simulated agent that dials it.

use greenroom::prelude::*;
use greenroom::testing::Stage;
use greenroom::ticos::{Motion, Settings, Ticos};
use serde_json::json;

use super::{shared, wait_for};

#[test]
fn the_agent_of_a_stage_dials_the_device_of_a_bot() {
    Stage::builder().in_real_time().run(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let ticos = Ticos::new(Settings::new(0).host("127.0.0.1").home(home.path()));
        let client = ticos.client();
        let moves = shared::<Vec<String>>();
        let seen = moves.clone();
        let bot = Bot::builder("robot")
            .platform(ticos)
            .on("legs", async move |motion: Event<Motion>| {
                seen.lock().unwrap().push(motion.tag().unwrap_or_default().to_owned());
                Ok(())
            })
            .on("ears", async |said: Event<ChatMessage>| {
                said.reply(format!("you said {}", said.text)).await?;
                Ok(())
            });
        let _bot = stage.start(bot).await;
        let agent = stage.ticos();
        let url = format!("ws://{}/realtime", client.address().unwrap());
        assert_eq!(agent.dial(&url).await, 1);
        agent.emit(
            "response.output_item.done",
            json!({"item": {"type": "function_call", "name": "motion", "arguments": "{\"motion_tag\":\"hug\"}"}}),
        );
        wait_for(|| (*moves.lock().unwrap() == ["hug"]).then_some(())).await;
        agent.say("alice", "", "hello");
        let answered = || {
            let journal = agent.journal();
            let mut rows = journal.iter().map(|entry| entry.to_json());
            rows.any(|row| row["direction"] == "in" && row["body"]["content"] == "you said hello")
                .then_some(())
        };
        wait_for(answered).await;
    });
}
