//! What is recommended, as a piece of configuration.

use std::fmt::Write as _;

use super::trial::{Choice, Tried};
use crate::config::Config;

/// Writes the settings that gain as TOML. It is a configuration of its own that `greenroom check` takes, as soon as it finds the bot's key.
pub(super) fn toml(config: &Config, chosen: &[Choice], together: Option<&Tried>) -> String {
    let mut text = String::from("# Made by `greenroom tune`.\n");
    match (chosen, together) {
        ([], _) | (_, None) => {
            text.push_str("# Nothing gained more than what differs between equal runs: leave the settings as they are.\n");
        }
        (_, Some(tried)) => {
            let [least, most] = tried.range;
            let _ = writeln!(
                text,
                "# Together they gave {:+.1} % events/s (between {:+.1} % and {:+.1} %) on this machine.",
                percent(tried.gain),
                percent(least),
                percent(most)
            );
            text.push_str("# Put them into the sections of your own file.\n");
        }
    }
    let mut sections: Vec<&str> = vec!["mezon"];
    sections.extend(chosen.iter().map(|(knob, _)| knob.parts().0));
    sections.sort_unstable();
    sections.dedup();
    for section in sections {
        let _ = writeln!(text, "\n[{section}]");
        if section == "mezon" {
            let id = config.mezon.as_ref().map(|mezon| mezon.client_id.as_str());
            let id = id
                .filter(|id| !id.is_empty())
                .unwrap_or("1000000000000000001");
            let _ = writeln!(text, "client_id = {}", toml::Value::from(id));
        }
        for (knob, value) in chosen.iter().filter(|(knob, _)| knob.parts().0 == section) {
            let price = match knob.price {
                Some(price) if number(value) > number(&knob.now(config)) => format!(" # {price}"),
                _ => String::new(),
            };
            let _ = writeln!(text, "{} = {}{price}", knob.parts().1, written(value));
        }
    }
    text
}

fn number(value: &str) -> Option<u64> {
    value.parse().ok()
}

/// Writes a value as TOML has it.
fn written(value: &str) -> String {
    match number(value) {
        Some(number) => number.to_string(),
        None => toml::Value::from(value).to_string(),
    }
}

/// A ratio as percents more or less.
pub(super) fn percent(ratio: f64) -> f64 {
    (ratio - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tune::knob::Knob;
    use crate::config::{Purpose, Sources};

    #[test]
    fn what_is_recommended_is_a_configuration() {
        let tried = Tried {
            per_second: 1e6,
            cpu_us: None,
            gain: 1.1,
            range: [1.05, 1.2],
            is_better: true,
        };
        let choice = |path, value: &str| (Knob::find(path).unwrap(), value.to_owned());
        let chosen = [
            choice("cache.batch", "1024"),
            choice("mezon.read_ahead", "4096"),
            choice("bot.placement", "sockets"),
            choice("cache.flush_ms", "2000"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recommended.toml");
        for (chosen, word) in [(&chosen[..], "+10.0 %"), (&[], "leave the settings")] {
            let text = toml(
                &Config::default(),
                chosen,
                Some(&tried).filter(|_| !chosen.is_empty()),
            );
            assert!(text.contains(word), "{text}");
            std::fs::write(&file, &text).unwrap();
            let sources = Sources::none()
                .file(&file)
                .variable("GREENROOM__MEZON__API_KEY", "key");
            let config = sources.load(Purpose::Run).unwrap();
            for (knob, value) in chosen {
                assert_eq!(knob.now(&config), *value);
            }
        }
    }
}
