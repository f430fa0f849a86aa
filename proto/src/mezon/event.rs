/// Returns the name of an event, which is that of the envelope's field.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon;
///
/// assert_eq!(mezon::event_name(6), Some("channel_message"));
/// assert_eq!(mezon::event_name(1), None); // the correlation id
/// ```
#[must_use]
pub fn event_name(tag: u32) -> Option<&'static str> {
    let at = usize::try_from(tag.checked_sub(BY_TAG[0].0)?).ok()?;
    // Tags are numbered without gaps so far; a gap costs a search.
    match BY_TAG.get(at) {
        Some((found, name)) if *found == tag => Some(name),
        _ => find(tag),
    }
}

/// Returns the tag of an event by its exact name.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon;
///
/// assert_eq!(mezon::event_tag("channel_message"), Some(6));
/// assert_eq!(mezon::event_tag("cid"), None);
/// ```
#[must_use]
pub fn event_tag(name: &str) -> Option<u32> {
    let at = BY_NAME.binary_search_by_key(&name, |(name, _)| name).ok()?;
    BY_NAME.get(at).map(|(_, tag)| *tag)
}

/// Lists all events, in the order of their tags.
pub fn events() -> impl Iterator<Item = (u32, &'static str)> {
    BY_TAG.iter().copied()
}

#[cold]
fn find(tag: u32) -> Option<&'static str> {
    let at = BY_TAG.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
    BY_TAG.get(at).map(|(_, name)| *name)
}

include!(concat!(env!("OUT_DIR"), "/mezon_events.rs"));
