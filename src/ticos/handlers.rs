//! The five handlers of the platform's own clients, called in their order.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use greenroom_actors::error::BoxError;
use greenroom_actors::supervisor::contain;
use serde_json::Value;

use super::event::Conversation;
use super::figures::Figures;
use super::matter::Matter;

/// What a handler may return: nothing, or a result whose error is logged and counted.
pub trait Answer {
    /// Says what went wrong.
    ///
    /// # Errors
    ///
    /// That of the handler.
    fn outcome(self) -> Result<(), BoxError>;
}

impl Answer for () {
    fn outcome(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Answer for Result<(), E> {
    fn outcome(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// Takes whole messages, as an alternative to a closure.
pub trait MessageCallback: Send + Sync {
    /// Takes a message; says whether it could do something with it.
    fn handle_message(&self, message: &Value) -> bool;
}

/// Prints every message, indented by two spaces.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrintMessages;

impl MessageCallback for PrintMessages {
    fn handle_message(&self, message: &Value) -> bool {
        use std::io::Write;

        match serde_json::to_string_pretty(message) {
            Ok(text) => writeln!(std::io::stdout(), "{text}").is_ok(),
            Err(_) => false,
        }
    }
}

type OnObject = Arc<dyn Fn(&Value) -> Result<(), BoxError> + Send + Sync>;
type OnCall = Arc<dyn Fn(&str, &Value) -> Result<(), BoxError> + Send + Sync>;
type OnConversation = Arc<dyn Fn(&Conversation) -> Result<(), BoxError> + Send + Sync>;

/// The handlers of a device. Clones are the same set, which may be changed at any time and from any thread.
///
/// For one message they are called in this order: conversation, message, motion, emotion, function call. Those of one agent are called
/// one after another, on a thread where they may block; those of several agents side by side. A handler that fails or panics is logged
/// and counted, and the next one is called.
#[derive(Clone, Default)]
pub struct Handlers(Arc<RwLock<Arc<Set>>>);

/// The handlers as they are at one moment.
#[derive(Clone, Default)]
pub(super) struct Set {
    message: Option<OnObject>,
    motion: Option<OnObject>,
    emotion: Option<OnObject>,
    function_call: Option<OnCall>,
    conversation: Option<OnConversation>,
    after: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.set();
        f.debug_struct("Handlers")
            .field("message", &set.message.is_some())
            .field("motion", &set.motion.is_some())
            .field("emotion", &set.emotion.is_some())
            .field("function_call", &set.function_call.is_some())
            .field("conversation", &set.conversation.is_some())
            .finish()
    }
}

impl Handlers {
    /// Sets what is called with every whole message.
    pub fn set_message_handler<R: Answer>(
        &self,
        handler: impl Fn(&Value) -> R + Send + Sync + 'static,
    ) {
        let handler: OnObject = Arc::new(move |message| handler(message).outcome());
        self.change(|set| set.message = Some(handler));
    }

    /// As [`set_message_handler`](Self::set_message_handler), with a callback object.
    pub fn set_message_callback(&self, callback: impl MessageCallback + 'static) {
        self.set_message_handler(move |message: &Value| {
            callback.handle_message(message);
        });
    }

    /// Sets what is called with the arguments of a motion.
    pub fn set_motion_handler<R: Answer>(
        &self,
        handler: impl Fn(&Value) -> R + Send + Sync + 'static,
    ) {
        let handler: OnObject = Arc::new(move |arguments| handler(arguments).outcome());
        self.change(|set| set.motion = Some(handler));
    }

    /// Sets what is called with the arguments of an emotion.
    pub fn set_emotion_handler<R: Answer>(
        &self,
        handler: impl Fn(&Value) -> R + Send + Sync + 'static,
    ) {
        let handler: OnObject = Arc::new(move |arguments| handler(arguments).outcome());
        self.change(|set| set.emotion = Some(handler));
    }

    /// Sets what is called with the name and the parameters of any other function, and of motions and emotions that have no handler.
    pub fn set_function_call_handler<R: Answer>(
        &self,
        handler: impl Fn(&str, &Value) -> R + Send + Sync + 'static,
    ) {
        let handler: OnCall = Arc::new(move |name, parameters| handler(name, parameters).outcome());
        self.change(|set| set.function_call = Some(handler));
    }

    /// Sets what is called when something is said.
    pub fn set_conversation_handler<R: Answer>(
        &self,
        handler: impl Fn(&Conversation) -> R + Send + Sync + 'static,
    ) {
        let handler: OnConversation = Arc::new(move |said| handler(said).outcome());
        self.change(|set| set.conversation = Some(handler));
    }

    /// Sets what is called when nothing more is at hand, such as to flush what was written.
    #[cfg(feature = "cli")]
    pub(crate) fn set_after(&self, after: impl Fn() + Send + Sync + 'static) {
        self.change(|set| set.after = Some(Arc::new(after)));
    }

    fn change(&self, change: impl FnOnce(&mut Set)) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut current));
    }

    pub(super) fn set(&self) -> Arc<Set> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands a message to the message handler alone, as for messages of health; says whether there was one.
    pub(super) fn tell(&self, message: &Value, figures: &Figures) -> bool {
        let set = self.set();
        set.call("message", set.message.as_ref(), figures, |handler| {
            handler(message)
        });
        set.after();
        set.message.is_some()
    }
}

impl Set {
    pub(super) fn is_empty(&self) -> bool {
        self.message.is_none()
            && self.motion.is_none()
            && self.emotion.is_none()
            && self.function_call.is_none()
            && self.conversation.is_none()
    }

    /// Calls the handlers of one message in their order; says whether there was one.
    pub(super) fn handle(
        &self,
        message: &Value,
        matter: &Matter<'_>,
        said: Option<&Conversation>,
        figures: &Figures,
    ) -> bool {
        let mut called = false;
        if let Some(said) = said {
            let handler = self.conversation.as_ref();
            called |= self.call("conversation", handler, figures, |handler| handler(said));
        }
        let handler = self.message.as_ref();
        called |= self.call("message", handler, figures, |handler| handler(message));
        let Matter::Call { name, arguments } = matter else {
            return called;
        };
        let (moves, feels) = match *name {
            "motion" => (true, false),
            "emotion" => (false, true),
            "motion_and_emotion" => (true, true),
            _ => (false, false),
        };
        let mut taken = false;
        let motion = self.motion.as_ref().filter(|_| moves);
        taken |= self.call("motion", motion, figures, |handler| handler(arguments));
        let emotion = self.emotion.as_ref().filter(|_| feels);
        taken |= self.call("emotion", emotion, figures, |handler| handler(arguments));
        if !taken {
            let handler = self.function_call.as_ref();
            taken = self.call("function_call", handler, figures, |handler| {
                handler(name, arguments)
            });
        }
        called | taken
    }

    pub(super) fn after(&self) {
        if let Some(after) = &self.after {
            after();
        }
    }

    /// Calls a handler if it is set, whatever it does.
    fn call<H>(
        &self,
        kind: &'static str,
        handler: Option<&H>,
        figures: &Figures,
        call: impl FnOnce(&H) -> Result<(), BoxError>,
    ) -> bool {
        let Some(handler) = handler else {
            return false;
        };
        figures.dispatched.add(1);
        let outcome = contain(|| call(handler));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                figures.handler_errors.add(1);
                tracing::error!(handler = kind, %error, "a handler failed");
            }
            Err(panic) => {
                figures.handler_errors.add(1);
                tracing::error!(handler = kind, %panic, "a handler panicked");
            }
        }
        true
    }
}
