//! Which form of an answer the header `Accept` asks for.

/// Returns the best of `offers` (media types) for `accept`: the first of those with the highest quality. An absent header takes anything.
/// `None` if none will do.
pub(super) fn choose(accept: Option<&str>, offers: &[&str]) -> Option<usize> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return (!offers.is_empty()).then_some(0);
    };
    let ranges: Vec<_> = accept.split(',').filter_map(Range::parse).collect();
    let mut best: Option<(u16, usize)> = None;
    for (place, offer) in offers.iter().enumerate() {
        // The most precise range decides.
        let quality = ranges
            .iter()
            .filter_map(|range| Some((range.precision(offer)?, range.quality)))
            .max_by_key(|(precision, _)| *precision)
            .map_or(0, |(_, quality)| quality);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, place));
        }
    }
    best.map(|(_, place)| place)
}

struct Range {
    kind: String,
    subtype: String,
    /// In thousandths.
    quality: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
            .map_or(Some(1.0), |quality| quality.parse::<f32>().ok())?;
        Some(Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            quality: (quality.clamp(0.0, 1.0) * 1_000.0) as u16,
        })
    }

    fn precision(&self, offer: &str) -> Option<u8> {
        let (kind, subtype) = offer.split_once('/')?;
        match (self.kind.as_str(), self.subtype.as_str()) {
            ("*", "*") => Some(0),
            (wanted, "*") if wanted == kind => Some(1),
            (wanted, exactly) if wanted == kind && exactly == subtype => Some(2),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_decides_and_our_order_breaks_ties() {
        let offers = ["application/json", "text/plain", "image/svg+xml"];
        for (accept, expected) in [
            (None, Some(0)),
            (Some(""), Some(0)),
            (Some("*/*"), Some(0)),
            (Some("text/plain"), Some(1)),
            (Some("TEXT/*"), Some(1)),
            (Some("image/*;q=0.9, text/plain;q=0.5"), Some(2)),
            (Some("text/html,image/svg+xml,*/*;q=0.8"), Some(2)),
            (Some("*/*, application/json;q=0"), Some(1)),
            (
                Some("application/json;q=nonsense, text/plain;q=0.1"),
                Some(1),
            ),
            (Some("video/mp4"), None),
            (Some("*/*;q=0"), None),
            (Some("nonsense"), None),
        ] {
            assert_eq!(choose(accept, &offers), expected, "{accept:?}");
        }
        assert_eq!(choose(None, &[]), None);
    }
}
