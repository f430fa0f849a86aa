//! The documentation of each actor says who starts it, what ends it, what then happens to its mailbox, and what it may lose.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

const FACTS: [&str; 4] = [
    "**Who starts it",
    "**What ends it",
    "**What happens to its mailbox then",
    "**What it may lose",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // What is written for others to start from is theirs to document.
        if path.is_dir() && name != "tests" && name != "template" {
            sources(&path, found);
        } else if path.is_file()
            && name.ends_with(".rs")
            && name != "tests.rs"
            && name != "testing.rs"
        {
            found.push(path);
        }
    }
}

/// Returns the names of the actors in a source; what is shown in documentation and done in tests does not count.
fn actors(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let implemented = code.lines().filter_map(|line| {
        let rest = line.strip_prefix("impl")?;
        let (_, name) = rest.split_once(" Actor for ")?;
        name.split(['<', ' ']).next()
    });
    let listed = code
        .lines()
        .filter_map(|line| line.strip_prefix("actors!(")?.strip_suffix(");"));
    implemented.chain(listed.flat_map(|names| names.split(", ")))
}

/// Returns the documentation above the definition of `name`.
fn documentation(source: &str, name: &str) -> Option<String> {
    let lines: Vec<_> = source.lines().collect();
    let at = lines.iter().position(|line| {
        let Some((before, rest)) = line.split_once("struct ") else {
            return false;
        };
        let defined = rest.split(|other: char| !other.is_alphanumeric()).next();
        !before.starts_with("//") && defined == Some(name)
    })?;
    let above = lines[..at].iter().rev();
    let above = above.take_while(|line| line.starts_with("///") || line.starts_with('#'));
    Some(above.copied().collect::<Vec<_>>().join("\n"))
}

#[test]
fn each_actor_is_documented_with_its_four_facts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    sources(&root.join("actors/src"), &mut files);
    sources(&root.join("src"), &mut files);
    let sources: Vec<_> = files
        .iter()
        .map(|path| (path, fs::read_to_string(path).unwrap()))
        .collect();
    let (mut count, mut missing) = (0, Vec::new());
    for (path, source) in &sources {
        for name in actors(source).filter(|name| !name.starts_with('$')) {
            count += 1;
            let own = documentation(source, name);
            // What a macro implements is defined in another file of the same folder.
            let beside = sources
                .iter()
                .filter(|(other, _)| other.parent() == path.parent());
            let found = own.or_else(|| {
                beside
                    .into_iter()
                    .find_map(|(_, source)| documentation(source, name))
            });
            let found = found.unwrap_or_default();
            for fact in FACTS.iter().filter(|fact| !found.contains(*fact)) {
                missing.push(format!("{name} in {}: {fact}", path.display()));
            }
        }
    }
    assert!(count >= 15, "only {count} actors were found");
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}
