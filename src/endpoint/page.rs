//! The page at `/`.

use crate::bot::Running;

/// Returns the page, without anything that comes from elsewhere.
pub(super) fn html(bot: &Running) -> String {
    let name = escaped(&bot.tree().name);
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>{STYLE}</style>
<header><h1>{name}</h1><nav>{LINKS}</nav></header>
<main><img src="/graph.svg" alt="{name}: its tree, and how events travel"></main>
</html>
"#
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:2rem auto;max-width:80rem;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}\
header{display:flex;flex-wrap:wrap;gap:0 2rem;align-items:baseline}\
h1{font-size:1.4rem;margin:0}\
nav{display:flex;flex-wrap:wrap;gap:0 1rem}\
main{overflow-x:auto}\
img{max-width:none}";

const LINKS: &str = r#"<a href="/health">health</a>
<a href="/metrics">metrics</a>
<a href="/graph.json">graph: JSON</a>
<a href="/graph.txt">text</a>
<a href="/graph.svg">SVG</a>
<a href="/graph.mmd">Mermaid</a>
<a href="/graph.dot">DOT</a>"#;
