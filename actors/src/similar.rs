//! Guesses which name a misspelt one was meant to be.

/// Returns the candidate that `name` was probably meant to be.
///
/// Case, `-` and `_` do not count. Apart from them a candidate may be at most two edits away, and fewer for short names.
///
/// # Examples
///
/// ```
/// use greenroom_actors::similar::similar;
///
/// assert_eq!(similar("tpi", ["queue", "tip"]), Some("tip"));
/// assert_eq!(similar("dance", ["queue", "tip"]), None);
/// ```
#[must_use]
pub fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = plain(name);
    candidates
        .into_iter()
        .map(|candidate| (distance(&name, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .take(LONGEST)
        .collect()
}

/// Counts the insertions, deletions and replacements that turn `a` into `b`; two neighbours swapped count as one.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["api_key", "client_id", "host", "timeout_ms", "wire"];

    #[test]
    fn finds_slips_of_the_finger() {
        for (typed, meant) in [
            ("apikey", "api_key"),
            ("api-key", "api_key"),
            ("API_KEY", "api_key"),
            ("client_di", "client_id"),
            ("hots", "host"),
            ("timeout_sm", "timeout_ms"),
            ("timeouts_ms", "timeout_ms"),
        ] {
            assert_eq!(similar(typed, KEYS), Some(meant), "{typed}");
        }
    }

    #[test]
    fn does_not_guess_wildly() {
        for typed in ["", "x", "colour", "token", "retries"] {
            assert_eq!(similar(typed, KEYS), None, "{typed}");
        }
    }
}
