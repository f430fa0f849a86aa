//! Messages, what is read of them, and who types.

use std::collections::HashSet;

use serde_json::Map;

use super::{Api, Call, encoded, put};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::limits::{PAGE, check_content, check_recipient};
use crate::token_bowl::model::{MarkedRead, Message, Page, Timestamp, Typed, Unread};

/// The messages of several pages, one page after another, each message once.
#[derive(Debug)]
pub struct Pages<'a> {
    api: &'a Api,
    path: &'static str,
    since: Option<Timestamp>,
    limit: u32,
    offset: u64,
    total: Option<u64>,
    known: HashSet<String>,
    is_done: bool,
}

impl Pages<'_> {
    /// Fetches the next page, newest messages first; none after the last one.
    ///
    /// New messages move the old ones back: what was on an earlier page already is left out, so a page may be shorter, even empty.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`]. The same page can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<Message>>, ApiError> {
        if self.is_done {
            return Ok(None);
        }
        let offset = Some(self.offset);
        let page = self
            .api
            .page(self.path, Some(self.limit), offset, self.since)
            .await?;
        self.total.get_or_insert(page.pagination.total);
        self.is_done = !page.pagination.has_more || page.messages.is_empty();
        self.offset += u64::from(self.limit);
        let mut fresh = page.messages;
        fresh.retain(|message| self.known.insert(message.id.clone()));
        Ok(Some(fresh))
    }

    /// Fetches all that is left, newest first.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn all(&mut self) -> Result<Vec<Message>, ApiError> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// Returns how many there were in all when the first page came; none before.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

impl Api {
    /// Says something in the room, or to one user.
    ///
    /// # Errors
    ///
    /// [`Validation`](super::ApiErrorKind::Validation) without a call if the text has no or more than 10,000 characters, else as every
    /// call: [`ApiError`].
    pub async fn send_message(
        &self,
        content: &str,
        to_username: Option<&str>,
    ) -> Result<Message, ApiError> {
        check_content(content)?;
        let to = check_recipient(to_username)?;
        let mut fields = Map::new();
        put(&mut fields, "content", Some(content));
        put(&mut fields, "to_username", to);
        self.json(Call::new("POST", "/messages").body(fields)).await
    }

    /// Lists messages of the room, newest first: up to `limit` (50 by default), after `offset` newer ones, said after `since`.
    ///
    /// # Errors
    ///
    /// [`Validation`](super::ApiErrorKind::Validation) without a call if the limit is not 1 to 1000, else as every call: [`ApiError`].
    pub async fn messages(
        &self,
        limit: Option<u32>,
        offset: Option<u64>,
        since: Option<Timestamp>,
    ) -> Result<Page, ApiError> {
        self.page(ROOM, limit, offset, since).await
    }

    /// Lists direct messages that the user got or sent, as [`messages`](Self::messages).
    ///
    /// # Errors
    ///
    /// As [`messages`](Self::messages).
    pub async fn direct_messages(
        &self,
        limit: Option<u32>,
        offset: Option<u64>,
        since: Option<Timestamp>,
    ) -> Result<Page, ApiError> {
        self.page(DIRECT, limit, offset, since).await
    }

    /// Lists all messages of the room, page by page.
    #[must_use]
    pub fn all_messages(&self, limit: u32, since: Option<Timestamp>) -> Pages<'_> {
        self.pages(ROOM, limit, since)
    }

    /// Lists all direct messages of the user, page by page.
    #[must_use]
    pub fn all_direct_messages(&self, limit: u32, since: Option<Timestamp>) -> Pages<'_> {
        self.pages(DIRECT, limit, since)
    }

    fn pages(&self, path: &'static str, limit: u32, since: Option<Timestamp>) -> Pages<'_> {
        Pages {
            api: self,
            path,
            since,
            limit,
            offset: 0,
            total: None,
            known: HashSet::new(),
            is_done: false,
        }
    }

    async fn page(
        &self,
        path: &str,
        limit: Option<u32>,
        offset: Option<u64>,
        since: Option<Timestamp>,
    ) -> Result<Page, ApiError> {
        check_limit(limit)?;
        let call = Call::get(path)
            .query("limit", Some(limit.unwrap_or(50)))
            .query("offset", Some(offset.unwrap_or(0)))
            .query("since", since);
        self.json(call).await
    }

    /// Lists messages of the room that the user has not read, oldest first.
    ///
    /// # Errors
    ///
    /// As [`messages`](Self::messages).
    pub async fn unread_messages(
        &self,
        limit: Option<u32>,
        offset: Option<u64>,
    ) -> Result<Vec<Message>, ApiError> {
        self.unread("/messages/unread", limit, offset).await
    }

    /// Lists direct messages that the user has not read, oldest first.
    ///
    /// # Errors
    ///
    /// As [`messages`](Self::messages).
    pub async fn unread_direct_messages(
        &self,
        limit: Option<u32>,
        offset: Option<u64>,
    ) -> Result<Vec<Message>, ApiError> {
        self.unread("/messages/direct/unread", limit, offset).await
    }

    async fn unread(
        &self,
        path: &str,
        limit: Option<u32>,
        offset: Option<u64>,
    ) -> Result<Vec<Message>, ApiError> {
        check_limit(limit)?;
        let call = Call::get(path)
            .query("limit", Some(limit.unwrap_or(50)))
            .query("offset", Some(offset.unwrap_or(0)));
        self.json(call).await
    }

    /// Counts the messages that the user has not read.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn unread_count(&self) -> Result<Unread, ApiError> {
        self.json(Call::get("/messages/unread/count")).await
    }

    /// Counts the messages that the user has not read, where servers of the other line have it.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`]; [`NotFound`](super::ApiErrorKind::NotFound) on servers that do not have it.
    pub async fn unread_count_of_centrifugo(&self) -> Result<Unread, ApiError> {
        self.json(Call::get("/unread")).await
    }

    /// Marks a message as read.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn mark_read(&self, message_id: &str) -> Result<(), ApiError> {
        let path = format!("/messages/{}/read", encoded(message_id));
        self.nothing(Call::new("POST", &path)).await
    }

    /// Marks all messages as read, and says how many became so.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn mark_all_read(&self) -> Result<MarkedRead, ApiError> {
        self.json(Call::new("POST", "/messages/mark-all-read"))
            .await
    }

    /// Fetches a message that the user may see.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn message(&self, message_id: &str) -> Result<Message, ApiError> {
        let path = format!("/messages/{}", encoded(message_id));
        self.json(Call::get(&path)).await
    }

    /// Shows the room, or one user, that the user types.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn typing(&self, to_username: Option<&str>) -> Result<Typed, ApiError> {
        let to = check_recipient(to_username)?;
        let call = Call::new("POST", "/typing").query("to_username", to);
        self.json(call).await
    }
}

fn check_limit(limit: Option<u32>) -> Result<(), ApiError> {
    match limit {
        Some(limit) if !(1..=PAGE).contains(&limit) => Err(ApiError::validation(format!(
            "limit must be 1-{PAGE}, not {limit}"
        ))),
        _ => Ok(()),
    }
}

const ROOM: &str = "/messages";
const DIRECT: &str = "/messages/direct";
