//! A body for a bot: what happens in its conversations becomes motions, emotions and words of the robots that are connected.

use std::fmt;

use actix::prelude::*;
use greenroom_actors::event::Event;
use greenroom_actors::router::Outcome;
use serde_json::{Value, json};

use super::NAME;
use super::client::TicosClient;
use crate::chat::{Answered, MemberJoined, Payment, PaymentOutcome};

/// A handler that moves the agents of a device: it nods when a payment was made, shakes its head when one was not, waves at whoever
/// joins, and says aloud what an assistant has answered elsewhere.
///
/// What it sends has the platform's flat form: `{"name":"motion","arguments":{"motion_tag":"nod"}}`. A robot that is not there, or does
/// not read, delays nobody, and makes up for nothing later: a nod is about now.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: it has no state.
///
/// # Examples
///
/// ```
/// use greenroom::chat::{Answered, Payment};
/// use greenroom::prelude::*;
/// use greenroom::ticos::{Gesture, Robot, Settings, Ticos};
///
/// let ticos = Ticos::new(Settings::new(0));
/// let robot = Robot::new(ticos.client()).paid(Gesture::motion("bow").with_emotion("happy"));
/// let robot = Registration::new("robot", move || robot.clone()).on::<Answered>().on::<Payment>();
/// let bot = Bot::builder("example").platform(ticos).handler(robot);
/// # drop(bot);
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until it is registered"]
pub struct Robot {
    client: TicosClient,
    paid: Gesture,
    unpaid: Gesture,
    joined: Gesture,
    answered: Gesture,
    speaks: bool,
}

/// How a robot moves and looks; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gesture {
    motion: String,
    emotion: String,
}

impl Gesture {
    /// Makes one that moves, by the tag that the robot knows.
    #[must_use]
    pub fn motion(tag: impl Into<String>) -> Self {
        Self {
            motion: tag.into(),
            ..Self::default()
        }
    }

    /// Shows an emotion as well, by the tag that the robot knows.
    #[must_use]
    pub fn with_emotion(mut self, tag: impl Into<String>) -> Self {
        self.emotion = tag.into();
        self
    }

    /// Returns what is sent for it, if anything is.
    fn objects(&self) -> impl Iterator<Item = Value> {
        let parts = [
            ("motion", "motion_tag", &self.motion),
            ("emotion", "emotion_tag", &self.emotion),
        ];
        let known = parts.into_iter().filter(|(_, _, tag)| !tag.is_empty());
        known.map(|(name, key, tag)| json!({"name": name, "arguments": {key: tag}}))
    }
}

impl fmt::Debug for Robot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robot")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Robot {
    /// Makes one that moves the agents of this device.
    pub fn new(client: TicosClient) -> Self {
        Self {
            client,
            paid: Gesture::motion("nod").with_emotion("happy"),
            unpaid: Gesture::motion("shake_head").with_emotion("sad"),
            joined: Gesture::motion("wave"),
            answered: Gesture::default(),
            speaks: true,
        }
    }

    /// Sets what it does when a payment was made: `nod` and `happy` by default.
    pub fn paid(mut self, gesture: Gesture) -> Self {
        self.paid = gesture;
        self
    }

    /// Sets what it does when a payment was not made, or nobody knows: `shake_head` and `sad` by default.
    pub fn unpaid(mut self, gesture: Gesture) -> Self {
        self.unpaid = gesture;
        self
    }

    /// Sets what it does when somebody joins: `wave` by default.
    pub fn joined(mut self, gesture: Gesture) -> Self {
        self.joined = gesture;
        self
    }

    /// Sets what it does when an assistant has answered: nothing by default.
    pub fn answered(mut self, gesture: Gesture) -> Self {
        self.answered = gesture;
        self
    }

    /// Says whether it speaks what an assistant has answered; true by default.
    pub fn speaks(mut self, speaks: bool) -> Self {
        self.speaks = speaks;
        self
    }

    fn show(&self, gesture: &Gesture) {
        for object in gesture.objects() {
            let robots = self.client.broadcast(&object);
            tracing::debug!(robots, %object, "moves");
        }
    }
}

impl Actor for Robot {
    type Context = Context<Self>;
}

impl Handler<Event<Answered>> for Robot {
    type Result = Outcome;

    fn handle(&mut self, answered: Event<Answered>, _: &mut Context<Self>) -> Outcome {
        self.show(&self.answered);
        // Who spoke to a robot was answered by it.
        if self.speaks && answered.envelope().origin.platform() != NAME {
            let (id, text) = (answered.message.to_string(), &answered.text);
            let said = json!({"message_id": id, "role": "assistant", "content": text});
            let robots = self.client.broadcast(&said);
            tracing::debug!(robots, "speaks");
        }
        Ok(())
    }
}

impl Handler<Event<MemberJoined>> for Robot {
    type Result = Outcome;

    fn handle(&mut self, _: Event<MemberJoined>, _: &mut Context<Self>) -> Outcome {
        self.show(&self.joined);
        Ok(())
    }
}

impl Handler<Event<Payment>> for Robot {
    type Result = Outcome;

    fn handle(&mut self, payment: Event<Payment>, _: &mut Context<Self>) -> Outcome {
        match payment.outcome {
            PaymentOutcome::Paid => self.show(&self.paid),
            PaymentOutcome::Failed | PaymentOutcome::Unknown => self.show(&self.unpaid),
            PaymentOutcome::Declined => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticos::matter::{Matter, matter_of};

    #[test]
    fn what_it_sends_is_what_a_device_understands() {
        let gesture = Gesture::motion("nod").with_emotion("happy");
        let objects: Vec<Value> = gesture.objects().collect();
        for (object, called) in objects.iter().zip(["motion", "emotion"]) {
            let matter = matter_of(object.as_object().unwrap());
            assert!(matches!(matter, Matter::Call { name, .. } if name == called));
        }
        assert_eq!(objects.len(), 2);
        assert_eq!(Gesture::default().objects().count(), 0);
    }
}
