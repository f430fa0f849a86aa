//! The device as the platform's own clients have it: one object, that is started and stopped from any thread.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use serde_json::Value;
use tokio::sync::oneshot;

use super::adapter::Ticos;
use super::client::TicosClient;
use super::cloud::Priority;
use super::config::Settings;
use super::error::TicosError;
use super::event::{Conversation, HealthCode, health_status};
use super::figures::Figures;
use super::files::Files;
use super::handlers::{Answer, Handlers, MessageCallback};
use super::paths::{Folders, SaveMode, mounted_card};
use super::store::{SledStorageService, StorageService};
use crate::bot::{Bot, BotError};

/// A Ticos device with five handlers, on a thread of its own: for programs that are no bots otherwise.
///
/// It is a bot with the single platform [`Ticos`]; whoever wants handler actors composes one of these. Every method may be called from
/// any thread, but [`start`](Self::start) and [`stop`](Self::stop) not from a handler.
///
/// # Examples
///
/// ```no_run
/// use greenroom::ticos::{Device, Settings};
///
/// # fn main() -> Result<(), greenroom::ticos::TicosError> {
/// let device = Device::new(9999)?;
/// device.set_motion_handler(|arguments| println!("move: {arguments}"));
/// device.enable_local_storage()?;
/// if device.start() {
///     device.send_message(&serde_json::json!({"name": "battery", "arguments": {"level": 80}}));
/// }
/// device.stop();
/// # Ok(()) }
/// ```
pub struct Device {
    settings: Mutex<Settings>,
    handlers: Handlers,
    running: Mutex<Option<Running>>,
    /// The client of the run, also while somebody holds `running`.
    client: Mutex<TicosClient>,
}

struct Running {
    stop: oneshot::Sender<()>,
    stopped: mpsc::Receiver<()>,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("settings", &self.settings())
            .field("client", &self.client())
            .finish_non_exhaustive()
    }
}

impl Device {
    /// Makes a device that listens on `port`, with the defaults otherwise.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    pub fn new(port: u16) -> Result<Self, TicosError> {
        Self::with(Settings::new(port))
    }

    /// Makes a device with these settings. Its files are read now and at each start; the cloud is asked after the start, so that it
    /// never holds one up.
    ///
    /// # Errors
    ///
    /// [`TicosError`] if a configuration file is broken, or the home folder is not known.
    pub fn with(settings: Settings) -> Result<Self, TicosError> {
        Files::read(&folders(&settings)?)?;
        Ok(Self {
            settings: Mutex::new(settings),
            handlers: Handlers::default(),
            running: Mutex::default(),
            client: Mutex::default(),
        })
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// Returns the device as its handlers use it.
    #[must_use]
    pub fn client(&self) -> TicosClient {
        lock(&self.client).clone()
    }

    /// Keeps messages in the default store from the next start on.
    ///
    /// # Errors
    ///
    /// As [`enable_local_storage_in`](Self::enable_local_storage_in).
    pub fn enable_local_storage(&self) -> Result<(), TicosError> {
        self.enable_local_storage_in(SledStorageService::new(), None)
    }

    /// Keeps messages in this store, under this file name, from the next start on. It is opened now to see whether it can be.
    ///
    /// # Errors
    ///
    /// [`TicosError::Storage`] if it cannot be opened; the message handler is told so, too.
    pub fn enable_local_storage_in(
        &self,
        storage: impl StorageService + 'static,
        db_filename: Option<&str>,
    ) -> Result<(), TicosError> {
        let mut settings = self.settings();
        let folders = folders(&settings)?;
        let name = db_filename
            .map(str::to_owned)
            .or(settings.db_filename.clone());
        storage.set_store_root_dir(&folders.root, name.as_deref());
        if let Err(error) = storage.initialize() {
            let status = health_status(HealthCode::Database, &error.to_string());
            drop(settings);
            self.handlers.tell(&status, &Figures::default());
            return Err(error.into());
        }
        storage.close();
        settings.storage = Some(Arc::new(storage));
        settings.db_filename = name;
        Ok(())
    }

    /// Starts the device; when this returns true, it listens. It returns false if it runs already, which changes nothing, and if it
    /// cannot listen, of which the message handler is told.
    pub fn start(&self) -> bool {
        let mut running = lock(&self.running);
        if running.is_some() && self.client().is_running() {
            return false;
        }
        if let Some(ended) = running.take() {
            // It has failed by itself meanwhile.
            ended.wait();
        }
        let ticos = Ticos::new(self.settings().clone()).handlers(&self.handlers);
        let client = ticos.client();
        let (stop, stopping) = oneshot::channel();
        let (tell_started, started) = mpsc::channel();
        let (tell_stopped, stopped) = mpsc::channel();
        let run = move || {
            let tell_stopped: mpsc::Sender<()> = tell_stopped;
            actix_rt::System::new().block_on(async {
                run(ticos, tell_started, stopping).await;
                // The thread itself ends when the last handler has returned, which may never be.
                drop(tell_stopped);
            });
        };
        let thread = thread::Builder::new().name("ticos device".to_owned());
        if let Err(error) = thread.spawn(run) {
            tracing::error!(%error, "no thread for the device");
            return false;
        }
        match started.recv() {
            Ok(Ok(())) => {
                *lock(&self.client) = client;
                *running = Some(Running { stop, stopped });
                true
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the device does not start");
                false
            }
            Err(_) => false,
        }
    }

    /// Stops the device: agents are told, what they had begun to say is saved, the port is free and the store closed when this returns.
    /// It takes up to 5 s; a memory that is being made is given up. Nothing happens if it does not run.
    pub fn stop(&self) {
        let Some(running) = lock(&self.running).take() else {
            return;
        };
        running.end();
    }

    /// Says whether the device listens.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.client().is_running()
    }

    /// As [`Handlers::set_message_handler`].
    pub fn set_message_handler<R: Answer>(
        &self,
        handler: impl Fn(&Value) -> R + Send + Sync + 'static,
    ) {
        self.handlers.set_message_handler(handler);
    }

    /// As [`Handlers::set_message_callback`].
    pub fn set_message_callback(&self, callback: impl MessageCallback + 'static) {
        self.handlers.set_message_callback(callback);
    }

    /// As [`Handlers::set_motion_handler`].
    pub fn set_motion_handler<R: Answer>(
        &self,
        handler: impl Fn(&Value) -> R + Send + Sync + 'static,
    ) {
        self.handlers.set_motion_handler(handler);
    }

    /// As [`Handlers::set_emotion_handler`].
    pub fn set_emotion_handler<R: Answer>(
        &self,
        handler: impl Fn(&Value) -> R + Send + Sync + 'static,
    ) {
        self.handlers.set_emotion_handler(handler);
    }

    /// As [`Handlers::set_function_call_handler`].
    pub fn set_function_call_handler<R: Answer>(
        &self,
        handler: impl Fn(&str, &Value) -> R + Send + Sync + 'static,
    ) {
        self.handlers.set_function_call_handler(handler);
    }

    /// As [`Handlers::set_conversation_handler`].
    pub fn set_conversation_handler<R: Answer>(
        &self,
        handler: impl Fn(&Conversation) -> R + Send + Sync + 'static,
    ) {
        self.handlers.set_conversation_handler(handler);
    }

    /// As [`TicosClient::send_message`].
    pub fn send_message(&self, object: &Value) -> bool {
        self.client().send_message(object)
    }

    /// As [`TicosClient::handle_message`].
    pub fn handle_message(&self, message: &Value) -> bool {
        self.client().handle_message(message)
    }

    /// As [`TicosClient::send_realtime_message`]; waits for it.
    pub fn send_realtime_message(&self, object: Value) -> bool {
        let client = self.client();
        futures::executor::block_on(client.send_realtime_message(object))
    }

    /// As [`TicosClient::update_variables`]; waits for it.
    pub fn update_variables(&self, priority: Priority) -> bool {
        let client = self.client();
        futures::executor::block_on(client.update_variables(priority))
    }

    /// As [`TicosClient::generate_memory`]; waits for it.
    pub fn generate_memory(&self) -> bool {
        let client = self.client();
        futures::executor::block_on(client.generate_memory())
    }

    /// As [`TicosClient::update_session_config_messages`]; waits for it.
    pub fn update_session_config_messages(&self) -> bool {
        let client = self.client();
        futures::executor::block_on(client.update_session_config_messages())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    fn end(self) {
        let _ = self.stop.send(());
        // Ends when the thread does.
        let _ = self.stopped.recv();
    }

    fn wait(self) {
        let _ = self.stopped.recv();
    }
}

/// Runs the device until it is told to stop, or fails.
async fn run(
    ticos: Ticos,
    started: mpsc::Sender<Result<(), BotError>>,
    stop: oneshot::Receiver<()>,
) {
    let bot = match Bot::builder("ticos").platform(ticos).build() {
        Ok(bot) => bot,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let bot = bot.start();
    let connected = bot.connected().await;
    let failed = connected.is_err();
    let _ = started.send(connected);
    if failed {
        return;
    }
    tokio::select! {
        _ = stop => {
            bot.shutdown().await;
        }
        exit = bot.ended() => tracing::error!(%exit, "the device has failed"),
    }
}

fn folders(settings: &Settings) -> Result<Folders, TicosError> {
    Folders::find(
        settings.home.as_deref(),
        settings.save_mode,
        settings.tf_root_dir.as_deref(),
        mounted_card,
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The settings of the seed's constructor.
impl From<(u16, SaveMode, Option<PathBuf>)> for Settings {
    fn from((port, save_mode, tf_root_dir): (u16, SaveMode, Option<PathBuf>)) -> Self {
        Self {
            port,
            save_mode,
            tf_root_dir,
            ..Self::default()
        }
    }
}
