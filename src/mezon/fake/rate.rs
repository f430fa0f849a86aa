//! How many calls the simulated server allows in a second, if its world says so.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom_actors::clock::Instant;
use greenroom_actors::limiter::Window;

use super::world::SocketId;

/// What is allowed, and what was taken of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    calls: Option<Window>,
    /// Of each websocket; `None` allows everything.
    per_socket: Option<usize>,
    sockets: BTreeMap<SocketId, Window>,
}

impl Rates {
    /// Allows so many calls over HTTP, and requests on each websocket, in any second; `None` allows all.
    pub(super) fn new(calls: Option<usize>, per_socket: Option<usize>) -> Self {
        Self {
            calls: calls.map(|limit| Window::new(limit, SECOND)),
            per_socket,
            sockets: BTreeMap::new(),
        }
    }

    /// Takes a call over HTTP; `Err` says after how long it would be allowed.
    pub(super) fn call(&mut self, now: Instant) -> Result<(), Duration> {
        admit(self.calls.as_mut(), now)
    }

    /// Takes a request of a websocket; `Err` says after how long it would be allowed.
    pub(super) fn request(&mut self, socket: SocketId, now: Instant) -> Result<(), Duration> {
        let Some(limit) = self.per_socket else {
            return Ok(());
        };
        let window = self.sockets.entry(socket);
        admit(
            Some(window.or_insert_with(|| Window::new(limit, SECOND))),
            now,
        )
    }

    /// A websocket has ended.
    pub(super) fn forget(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
    }
}

fn admit(window: Option<&mut Window>, now: Instant) -> Result<(), Duration> {
    let Some(window) = window else { return Ok(()) };
    window
        .admit(now)
        .map_err(|free| free.saturating_duration_since(now))
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use greenroom_actors::clock;

    use super::*;

    #[test]
    fn calls_and_sockets_have_limits_of_their_own() {
        let (mut rates, now) = (Rates::new(Some(1), Some(2)), clock::now());
        assert_eq!(rates.call(now), Ok(()));
        assert_eq!(rates.call(now), Err(SECOND));
        assert_eq!(
            (rates.request(1, now), rates.request(1, now)),
            (Ok(()), Ok(()))
        );
        assert_eq!(rates.request(1, now + SECOND / 4), Err(SECOND * 3 / 4));
        assert_eq!(rates.request(2, now), Ok(()));
        rates.forget(1);
        assert_eq!(rates.request(1, now), Ok(()));
        let mut free = Rates::default();
        assert!((0..1_000).all(|_| free.call(now).is_ok() && free.request(1, now).is_ok()));
    }
}
