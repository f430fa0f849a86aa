//! What README and guide say to the program is what it understands: configuration is read, command lines are parsed, links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::Cli;
use crate::config::{Purpose, Sources};

/// A piece of a page between two fences.
struct Block {
    page: PathBuf,
    line: usize,
    language: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let folders = [root().join("docs"), root().join("docs/platforms")];
    let files = folders.iter().flat_map(|folder| folder.read_dir().unwrap());
    let files = files.map(|file| file.unwrap().path());
    let mut pages: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|it| it == "md"))
        .chain([
            root().join("README.md"),
            root().join("src/cli/new/template/README.md"),
        ])
        .collect();
    pages.sort();
    assert!(pages.len() > 12, "{pages:?}");
    pages
}

fn blocks(language: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut is_open = false;
        for (line, number) in text.lines().zip(1..) {
            if let Some(language) = line.strip_prefix("```") {
                is_open = !is_open;
                if is_open {
                    blocks.push(Block {
                        page: page.clone(),
                        line: number,
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
            } else if is_open {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
        assert!(!is_open, "{}: a fence is open", page.display());
    }
    blocks.retain(|block| block.language == language);
    assert!(blocks.len() > 5, "{language}");
    blocks
}

#[test]
fn every_piece_of_configuration_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greenroom.toml");
    for block in blocks("toml") {
        let place = format!("{}:{}", block.page.display(), block.line);
        if block.text.starts_with("# Cargo.toml") {
            let read: Result<toml::Table, _> = block.text.parse();
            assert!(read.is_ok(), "{place}: {read:?}");
            continue;
        }
        fs::write(&file, &block.text).unwrap();
        // A piece may be about handlers on platforms that other pieces are about.
        let read = Sources::none()
            .file(&file)
            .variable("GREENROOM__MEZON__WIRE", "auto")
            .variable("GREENROOM__TOKEN_BOWL__PROTOCOL", "auto")
            .load(Purpose::Offline);
        assert!(read.is_ok(), "{place}: {}", read.unwrap_err());
    }
}

/// Splits a line as a shell does, up to what is no argument any more.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#' | '&' | '|' | '<' | '>') if word.is_none() => break,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words
}

/// Returns the arguments of the program if the line calls it: by its name, by cargo, or as a service.
fn arguments(line: &str) -> Option<Vec<String>> {
    let words = words(line.trim().trim_start_matches("ExecStart="));
    let is_variable = |word: &&String| word.contains('=') && !word.starts_with('-');
    let mut called = words.clone();
    called.drain(..words.iter().take_while(is_variable).count());
    match called.first()?.rsplit('/').next()? {
        "greenroom" => Some(called),
        "cargo" if called.get(1)? == "run" => {
            let own = called.iter().position(|word| word == "--")?;
            Some(called[own..].to_vec())
        }
        _ => None,
    }
}

#[test]
fn every_command_line_is_parsed() {
    let mut parsed = 0;
    let mut lines: Vec<(String, String)> = Vec::new();
    for block in blocks("sh") {
        let place = format!("{}:{}", block.page.display(), block.line);
        let text = block.text.replace("\\\n", " ");
        lines.extend(text.lines().map(|line| (place.clone(), line.to_owned())));
    }
    let unit = fs::read_to_string(root().join("docs/deploy/greenroom.service")).unwrap();
    let commands = unit.lines().filter(|line| line.starts_with("ExecStart="));
    lines.extend(commands.map(|line| ("the unit".to_owned(), line.to_owned())));
    for (place, line) in lines {
        let Some(arguments) = arguments(&line).filter(|found| found.len() > 1) else {
            continue;
        };
        let mut arguments = arguments;
        // Slots of what `greenroom new` writes.
        for argument in &mut arguments {
            *argument = argument
                .replace("{{platform}}", "mezon")
                .replace("{{port}}", "7350");
        }
        let understood = Cli::try_parse_from(&arguments);
        assert!(
            understood.is_ok(),
            "{place}: {line}\n{}",
            understood.unwrap_err()
        );
        parsed += 1;
    }
    assert!(parsed > 30, "{parsed}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap();
        let inline = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let named = text.lines().filter(|line| line.starts_with('['));
        let named = named.filter_map(|line| Some(line.split_once("]: ")?.1));
        for link in inline.chain(named) {
            // Names of items are looked up by rustdoc.
            if link.contains("::") || link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let headings = text.lines().filter(|line| line.starts_with('#'));
            let mut anchors = headings.map(|line| {
                line.trim_matches(['#', ' '])
                    .to_lowercase()
                    .replace(' ', "-")
            });
            assert!(
                !file.is_empty() || anchors.any(|anchor| anchor == heading),
                "{}: {link}",
                page.display()
            );
            let file = folder.join(file);
            assert!(file.exists(), "{}: {link}", page.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}
