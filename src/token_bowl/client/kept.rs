//! What was kept of the messages.

use greenroom_actors::cache::{Cache, CacheError, Query};
use greenroom_actors::event::{ChannelKey, Id};

use super::TokenBowlClient;
use crate::token_bowl::log::{kept_under, read_record};
use crate::token_bowl::message::room;
use crate::token_bowl::model::Message;

impl TokenBowlClient {
    /// Returns the newest `limit` messages of a conversation that were kept on disk, those of the user itself included, newest first.
    /// Nothing is asked of the server. `channel` is that of an event, or of the room if it is the default; without a cache there are
    /// none.
    ///
    /// # Errors
    ///
    /// If the cache cannot be read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use greenroom::token_bowl::{TokenBowlClient, model::Message};
    /// # use greenroom::prelude::*;
    /// use greenroom::token_bowl::OnTokenBowl;
    ///
    /// # async fn example(message: Event<Message>) -> Result<(), Box<dyn std::error::Error>> {
    /// if let Some(client) = message.token_bowl() {
    ///     let earlier = client.history(&message.envelope().channel, 50).await?;
    ///     # drop(earlier);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn history(
        &self,
        channel: &ChannelKey,
        limit: usize,
    ) -> Result<Vec<Message>, CacheError> {
        let Some(cache) = self.cache() else {
            return Ok(Vec::new());
        };
        let room = room();
        let conversation = match *channel == ChannelKey::default() {
            true => &room,
            false => channel,
        };
        let account = Id::from(self.label());
        let query = Query::latest(kept_under(&account, conversation), limit);
        let records = cache.list(query).await?;
        // Whoever has put something else there has put it there in vain.
        let read = records.iter().filter_map(|record| read_record(record).ok());
        Ok(read.collect())
    }

    /// Returns the cache of messages, if there is one. A message has an id there that begins with its moment, as 16 digits of
    /// microseconds since 1970.
    #[must_use]
    pub fn cache(&self) -> Option<Cache> {
        self.shared.doors.get()?.cache.clone()
    }
}
