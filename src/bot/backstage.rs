//! What a handler may see of its bot, beside events.

use std::sync::Arc;

use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::Origin;
use greenroom_actors::router::Router;
use greenroom_actors::store::Store;
use greenroom_actors::telemetry::Counters;

/// What a handler may see of its bot when it is registered: the platforms have their places then, and nothing runs.
pub(crate) struct Backstage<'a> {
    /// The name of the bot.
    pub(crate) bot: &'a str,
    pub(crate) router: &'a Router,
    pub(crate) counters: &'a Arc<Counters>,
    pub(crate) entropy: &'a Entropy,
    /// What outlives the process, if anything does.
    pub(crate) store: Option<&'a Store>,
}

impl Backstage<'_> {
    /// Makes the origin of what the handler `name` tells of its own accord; its traces are drawn from the bot's seed.
    pub(crate) fn origin(&self, name: &str) -> Arc<Origin> {
        let origin = Origin::new("greenroom", self.bot, self.router);
        origin.draw_traces(&self.entropy.derive(&format!("{name} traces")));
        origin
    }
}
