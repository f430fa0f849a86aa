//! Is the bot well? The judgement as a plain function.

use greenroom_actors::connection::{ConnectionReport, Phase};
use serde::Serialize;

/// How a bot is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthStatus {
    /// A platform that was connected is not at this moment.
    Degraded,
    /// The tree has failed, or its thread does not answer.
    Failed,
    /// Every platform is connected.
    Ready,
    /// A platform was not reached yet.
    Starting,
    /// It was told to stop, and finishes what it has begun.
    Stopping,
}

/// How a bot is, and why.
///
/// As JSON it is what `GET /health` answers:
/// `{"status":"ready","live":true,"ready":true,"reasons":[],"bot":"…","connections":[…]}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// In one word.
    pub status: HealthStatus,
    /// Whether it works or will work without help; if not, only a new start of the program helps.
    pub live: bool,
    /// Whether every platform is connected now.
    pub ready: bool,
    /// Why it is not ready, one entry a cause; empty if it is.
    pub reasons: Vec<String>,
    /// The bot's name.
    pub bot: String,
    /// What its connections are doing.
    pub connections: Vec<ConnectionReport>,
}

impl Health {
    pub(super) fn judge(
        bot: &str,
        platforms: &[&str],
        runs: bool,
        stopping: bool,
        connections: Vec<ConnectionReport>,
    ) -> Self {
        let mut reasons: Vec<_> = connections.iter().filter_map(why_down).collect();
        reasons.extend(
            platforms
                .iter()
                .filter(|platform| connections.iter().all(|one| one.platform != **platform))
                .map(|platform| format!("{platform}: not started")),
        );
        let was_ready = connections
            .iter()
            .all(|one| one.state == Phase::Live || one.was_live);
        let status = if stopping {
            reasons.insert(0, "stopping".to_owned());
            HealthStatus::Stopping
        } else if !runs {
            reasons.insert(0, "the supervision tree is not running".to_owned());
            HealthStatus::Failed
        } else if reasons.is_empty() {
            HealthStatus::Ready
        } else if was_ready && connections.len() >= platforms.len() {
            HealthStatus::Degraded
        } else {
            HealthStatus::Starting
        };
        Self {
            status,
            live: runs || stopping,
            ready: status == HealthStatus::Ready,
            reasons,
            bot: bot.to_owned(),
            connections,
        }
    }

    /// The thread of the bot does not answer: nothing that it says of itself counts.
    #[cfg(feature = "endpoint")]
    pub(crate) fn unanswered(mut self) -> Self {
        self.status = HealthStatus::Failed;
        self.live = false;
        self.ready = false;
        self.reasons
            .insert(0, "the thread of the bot does not answer".to_owned());
        self
    }
}

fn why_down(one: &ConnectionReport) -> Option<String> {
    if one.state == Phase::Live {
        return None;
    }
    let mut text = format!("{}: {}", one.platform, one.state.name());
    if one.attempt > 0 {
        text = format!("{text}, try {}", one.attempt);
    }
    if let Some(reason) = &one.reason {
        text = format!("{text}: {reason}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(platform: &'static str, state: Phase, was_live: bool) -> ConnectionReport {
        ConnectionReport {
            platform,
            bot: "bot".to_owned(),
            state,
            for_ms: 5,
            attempt: 2,
            reason: Some("refused".to_owned()),
            was_live,
            reconnects: 0,
            heartbeat_rtt_us: None,
        }
    }

    #[test]
    fn each_situation_has_its_word() {
        let judge = |runs, stopping, connections| {
            let health = Health::judge("bot", &["a", "b"], runs, stopping, connections);
            (health.status, health.live, health.ready, health.reasons)
        };
        let (up, down, new) = (
            || connection("a", Phase::Live, true),
            || connection("b", Phase::Backoff, true),
            || connection("b", Phase::Dialing, false),
        );
        let both = vec![up(), connection("b", Phase::Live, true)];
        assert_eq!(
            judge(true, false, both.clone()),
            (HealthStatus::Ready, true, true, Vec::new())
        );
        let why = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            judge(true, false, vec![up(), down()]),
            (
                HealthStatus::Degraded,
                true,
                false,
                why(&["b: backoff, try 2: refused"])
            )
        );
        assert_eq!(
            judge(true, false, vec![up(), new()]),
            (
                HealthStatus::Starting,
                true,
                false,
                why(&["b: dialing, try 2: refused"])
            )
        );
        assert_eq!(
            judge(true, false, vec![up()]),
            (
                HealthStatus::Starting,
                true,
                false,
                why(&["b: not started"])
            )
        );
        assert_eq!(
            judge(true, true, both.clone()),
            (HealthStatus::Stopping, true, false, why(&["stopping"]))
        );
        assert_eq!(
            judge(false, false, both),
            (
                HealthStatus::Failed,
                false,
                false,
                why(&["the supervision tree is not running"])
            )
        );
    }
}
