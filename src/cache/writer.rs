//! Writing what waits.

use super::log::MessageLog;

/// The one who writes. Whoever drops it half-way, such as a connection that dies, leaves the rest to the next.
pub(super) struct Writer {
    log: MessageLog,
    is_done: bool,
}

impl Writer {
    pub(super) fn new(log: MessageLog) -> Self {
        Self {
            log,
            is_done: false,
        }
    }

    /// Writes until nothing waits.
    pub(super) async fn write(mut self) {
        // Whatever else came with the same read goes along.
        tokio::task::yield_now().await;
        loop {
            let changes = {
                let mut waiting = self.log.lock();
                let changes = std::mem::take(&mut waiting.changes);
                waiting.in_hand = std::mem::take(&mut waiting.number);
                waiting.has_writer = !changes.is_empty();
                changes
            };
            self.log.written.notify_waiters();
            if changes.is_empty() {
                self.is_done = true;
                return;
            }
            self.log.write_all(changes).await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut waiting = self.log.lock();
        let lost = std::mem::take(&mut waiting.in_hand);
        waiting.has_writer = false;
        drop(waiting);
        self.log.counters.cache_dropped.add(lost as u64);
        self.log.written.notify_waiters();
    }
}
