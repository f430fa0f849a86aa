//! Registering handlers by the names that the platform's own clients have for that.

use greenroom_actors::event::Event;
use greenroom_actors::router::Outcome;
use greenroom_proto::mezon::{api, realtime};

use super::agent::{RoomSummaryDone, SessionEnded, SessionStarted};
use super::event::{AnyEvent, EventName};
use crate::bot::BotBuilder;

macro_rules! registrations {
    (
        $(($method:ident, $Type:ty, $event:ident),)*
        agents: $(($agent:ident, $Agent:ty, $told:ident),)*
    ) => {
        /// Registers handlers for the events of Mezon, each by a method of its own.
        ///
        /// They are the same as [`BotBuilder::on`] with the type of the event. `name` is the handler's, as in the tree of the bot; it
        /// must be its own. Several handlers may want the same event: an error of one is nothing to the others. What the bot itself
        /// does about an event is done before.
        ///
        /// # Examples
        ///
        /// ```
        /// use greenroom::mezon::{EventName, MezonEvents, OnMessage};
        /// use greenroom::prelude::*;
        ///
        /// let bot = Bot::builder("example")
        ///     .on_channel_message("ping", async |event| {
        ///         if let Some(message) = event.live().filter(|message| message.view().text() == "!ping") {
        ///             message.reply("pong").await?;
        ///         }
        ///         Ok(())
        ///     })
        ///     .on_message_button_clicked("pressed", async |event| {
        ///         println!("{} was pressed: {}", event.button_id, event.extra_data);
        ///         Ok(())
        ///     })
        ///     .on_event(EventName::ClanUpdatedEvent, "by name", async |event| {
        ///         println!("{} {}", event.name, event.body);
        ///         Ok(())
        ///     });
        /// # drop(bot);
        /// ```
        pub trait MezonEvents: Sized {
            $(
                #[doc = concat!("Registers a handler for `", stringify!($event), "`.")]
                #[must_use]
                fn $method<F>(self, name: &str, handle: F) -> Self
                where
                    F: AsyncFn(Event<$Type>) -> Outcome + Send + Sync + 'static;
            )*

            $(
                #[doc = concat!("Registers a handler for `", stringify!($told), "`, which agents in meetings tell; see")]
                /// [`Settings::agent_url`](super::Settings::agent_url).
                #[must_use]
                fn $agent<F>(self, name: &str, handle: F) -> Self
                where
                    F: AsyncFn(Event<$Agent>) -> Outcome + Send + Sync + 'static;
            )*

            /// Registers a handler for the events of a name, whatever their type.
            #[must_use]
            fn on_event<F>(self, event: EventName, name: &str, handle: F) -> Self
            where
                F: AsyncFn(Event<AnyEvent>) -> Outcome + Send + Sync + 'static;
        }

        impl MezonEvents for BotBuilder {
            $(
                fn $method<F>(self, name: &str, handle: F) -> Self
                where
                    F: AsyncFn(Event<$Type>) -> Outcome + Send + Sync + 'static,
                {
                    self.on(name, handle)
                }
            )*

            $(
                fn $agent<F>(self, name: &str, handle: F) -> Self
                where
                    F: AsyncFn(Event<$Agent>) -> Outcome + Send + Sync + 'static,
                {
                    self.on(name, handle)
                }
            )*

            fn on_event<F>(self, event: EventName, name: &str, handle: F) -> Self
            where
                F: AsyncFn(Event<AnyEvent>) -> Outcome + Send + Sync + 'static,
            {
                self.on(name, async move |any: Event<AnyEvent>| {
                    match any.name == event.as_str() {
                        true => handle(any).await,
                        false => Ok(()),
                    }
                })
            }
        }

        #[cfg(test)]
        const REGISTRATIONS: &[(&str, &str)] = &[$((stringify!($event), stringify!($Type)),)*];
    };
}

registrations! {
    (on_channel_message, api::ChannelMessage, channel_message),
    (on_message_reaction, api::MessageReaction, message_reaction_event),
    (on_message_typing, realtime::MessageTypingEvent, message_typing_event),
    (on_channel_created, realtime::ChannelCreatedEvent, channel_created_event),
    (on_channel_updated, realtime::ChannelUpdatedEvent, channel_updated_event),
    (on_channel_deleted, realtime::ChannelDeletedEvent, channel_deleted_event),
    (on_channel_presence, realtime::ChannelPresenceEvent, channel_presence_event),
    (on_user_channel_added, realtime::UserChannelAdded, user_channel_added_event),
    (on_user_channel_removed, realtime::UserChannelRemoved, user_channel_removed_event),
    (on_user_clan_removed, realtime::UserClanRemoved, user_clan_removed_event),
    (on_add_clan_user, realtime::AddClanUserEvent, add_clan_user_event),
    (on_clan_updated, realtime::ClanUpdatedEvent, clan_updated_event),
    (on_clan_event_created, api::CreateEventRequest, clan_event_created),
    (on_voice_started_event, realtime::VoiceStartedEvent, voice_started_event),
    (on_voice_ended_event, realtime::VoiceEndedEvent, voice_ended_event),
    (on_voice_joined_event, realtime::VoiceJoinedEvent, voice_joined_event),
    (on_voice_leaved_event, realtime::VoiceLeavedEvent, voice_leaved_event),
    (on_give_coffee, api::GiveCoffeeEvent, give_coffee_event),
    (on_message_button_clicked, realtime::MessageButtonClicked, message_button_clicked),
    (on_notification, realtime::Notifications, notifications),
    (on_role_event, realtime::RoleEvent, role_event),
    (on_role_assign, realtime::RoleAssignedEvent, role_assign_event),
    (on_token_sent_event, api::TokenSentEvent, token_sent_event),
    (on_streaming_joined_event, realtime::StreamingJoinedEvent, streaming_joined_event),
    (on_streaming_leaved_event, realtime::StreamingLeavedEvent, streaming_leaved_event),
    (on_dropdown_box_selected, realtime::DropdownBoxSelected, dropdown_box_selected),
    (on_webrtc_signaling_fwd, realtime::WebrtcSignalingFwd, webrtc_signaling_fwd),
    (on_quick_menu_event, realtime::QuickMenuDataEvent, quick_menu_event),
    (on_clan_profile_updated, realtime::ClanProfileUpdatedEvent, clan_profile_updated_event),
    (on_status_presence, realtime::StatusPresenceEvent, status_presence_event),
    (on_stream_presence, realtime::StreamPresenceEvent, stream_presence_event),
    (on_stream_data, realtime::StreamData, stream_data),
    (on_last_pin_message, realtime::LastPinMessageEvent, last_pin_message_event),
    (on_custom_status, realtime::CustomStatusEvent, custom_status_event),
    (on_user_profile_updated, realtime::UserProfileUpdatedEvent, user_profile_updated_event),
    (on_ai_agent_enabled, realtime::AiAgentEnabledEvent, aiagent_enabled_event),
    (on_channel_archive, realtime::ChannelArchiveEvent, channel_archive_event),
    agents:
    (on_session_started, SessionStarted, session_started),
    (on_session_ended, SessionEnded, session_ended),
    (on_room_summary_done, RoomSummaryDone, room_summary_done),
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! types {
        ($(($tag:literal, $name:ident, $Variant:ident, $Type:ty),)*) => {
            const TYPES: &[(&str, &str)] = &[$((stringify!($name), stringify!($Type)),)*];
        };
    }

    greenroom_proto::for_each_mezon_event!(types);

    #[test]
    fn each_registration_is_for_the_type_of_its_event() {
        for (event, ours) in REGISTRATIONS {
            let (_, its) = TYPES.iter().find(|(name, _)| name == event).unwrap();
            let its: String = its.split_whitespace().collect();
            let ours: String = ours.split_whitespace().collect();
            assert!(
                its.ends_with(&format!("::{ours}")),
                "{event}: {its}, not {ours}"
            );
        }
    }
}
