//! The graph as a picture: above the ways of the events, below the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::layout::{Layout, Place, Size, layered};
use super::snapshot::{EdgeKind, Graph, GraphEdge, GraphNode, OUTSIDE_ID, thousands};
use super::text::{figures, unclean};
use super::width::{cells, one_line, shortened};
use crate::supervisor::NodeState;

impl Graph {
    /// Draws the graph as an SVG: above, events from those who publish them to those who handle them; below, the supervision tree with
    /// its figures. Crowds of channels are summed up. It needs no font and nothing else from outside, and follows the reader's light or
    /// dark scheme.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let graph = self.summed_up();
        let flow = FlowPicture::new(&graph);
        let rows = graph.rows();
        let tree_width = rows.iter().map(Row::width).fold(0.0, f64::max);
        let title_width = TITLE_CELL * cells(&shortened(&one_line(&graph.bot), TITLE)) as f64;
        let width = flow
            .layout
            .width
            .max(tree_width)
            .max(title_width)
            .max(NARROWEST)
            + 2.0 * MARGIN;
        let flow_top = MARGIN + 48.0;
        let tree_top = match flow.is_empty() {
            true => flow_top,
            false => flow_top + flow.layout.height + 44.0,
        };
        let height = tree_top + ROW * rows.len() as f64 + MARGIN;
        let mut svg = Svg::default();
        let (w, h) = (number(width.ceil()), number(height.ceil()));
        let name = escaped(&graph.bot);
        svg.push(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\">\n\
             <title>{name}</title>\n<style>{STYLE}</style>\n{MARKER}\n\
             <rect class=\"paper\" width=\"{w}\" height=\"{h}\" rx=\"8\"/>\n"
        ));
        svg.text(
            "title",
            (MARGIN, MARGIN + 18.0),
            &shortened(&one_line(&graph.bot), TITLE),
        );
        if !flow.is_empty() {
            svg.push(format_args!(
                "<g transform=\"translate({} {})\">\n",
                number(MARGIN),
                number(flow_top)
            ));
            flow.draw(&mut svg);
            svg.push(format_args!("</g>\n"));
        }
        for (place, row) in rows.iter().enumerate() {
            row.draw(&mut svg, tree_top + ROW * place as f64);
        }
        svg.push(format_args!("</svg>\n"));
        svg.0
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
        let mut rows = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let above = node.parent.as_deref().and_then(|parent| depth.get(parent));
            let own = above.map_or(0, |above| above + 1);
            depth.insert(&node.id, own);
            let label = shortened(&one_line(&node.title()), LABEL);
            rows.push((node, own, label));
        }
        let column = rows
            .iter()
            .map(|(_, depth, label)| INDENT * *depth as f64 + CELL * cells(label) as f64)
            .fold(0.0, f64::max);
        rows.into_iter()
            .map(|(node, depth, label)| Row {
                node,
                depth,
                label,
                words: words(node),
                column,
            })
            .collect()
    }
}

/// A line of the tree.
struct Row<'a> {
    node: &'a GraphNode,
    depth: usize,
    label: String,
    words: String,
    /// Where the words begin.
    column: f64,
}

impl Row<'_> {
    fn width(&self) -> f64 {
        self.column + 44.0 + CELL * cells(&self.words) as f64
    }

    fn draw(&self, svg: &mut Svg, y: f64) {
        let x = MARGIN + INDENT * self.depth as f64;
        let base = y + ROW * 0.7;
        svg.push(format_args!(
            "<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>",
            class(self.node.state),
            number(x + 4.0),
            number(base - 4.0)
        ));
        svg.text("name", (x + 14.0, base), &self.label);
        svg.text("words", (MARGIN + self.column + 40.0, base), &self.words);
    }
}

/// The upper part: events on their way.
struct FlowPicture<'a> {
    boxes: Vec<Piece<'a>>,
    edges: Vec<&'a GraphEdge>,
    layout: Layout,
}

/// What is drawn as a box.
enum Piece<'a> {
    Node(&'a GraphNode),
    Event { name: &'a str, published: u64 },
    Outside,
}

impl<'a> FlowPicture<'a> {
    fn new(graph: &'a Graph) -> Self {
        let used: BTreeSet<&str> = graph
            .edges
            .iter()
            .flat_map(|edge| [edge.from.as_str(), edge.to.as_str()])
            .collect();
        let mut boxes = Vec::new();
        let mut at = BTreeMap::new();
        if used.contains(OUTSIDE_ID) {
            at.insert(OUTSIDE_ID, boxes.len());
            boxes.push(Piece::Outside);
        }
        for node in &graph.nodes {
            if used.contains(node.id.as_str()) {
                at.insert(node.id.as_str(), boxes.len());
                boxes.push(Piece::Node(node));
            }
        }
        for event in &graph.events {
            let published = graph
                .edges
                .iter()
                .filter(|edge| edge.to == event.id)
                .filter_map(|edge| edge.count)
                .sum();
            at.insert(event.id.as_str(), boxes.len());
            boxes.push(Piece::Event {
                name: &event.name,
                published,
            });
        }
        let place = |id: &str| at.get(id).copied();
        let (edges, ends): (Vec<_>, Vec<_>) = graph
            .edges
            .iter()
            .filter_map(|edge| {
                let ends = (place(&edge.from)?, place(&edge.to)?);
                (ends.0 != ends.1).then_some((edge, ends))
            })
            .unzip();
        let sizes: Vec<_> = boxes.iter().map(Piece::size).collect();
        Self {
            layout: layered(&sizes, &ends),
            boxes,
            edges,
        }
    }

    fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    fn draw(&self, svg: &mut Svg) {
        for (edge, line) in self.edges.iter().zip(&self.layout.lines) {
            let class = match edge.kind {
                EdgeKind::Feeds => "edge feeds",
                EdgeKind::Delivers | EdgeKind::Publishes | EdgeKind::Says => "edge",
            };
            let what = match (edge.count, edge.label.as_str()) {
                (Some(count), _) => thousands(count),
                (None, label) => escaped(label),
            };
            svg.push(format_args!(
                "<path class=\"{class}\" marker-end=\"url(#arrow)\" d=\"{}\"><title>{} → {}: {what}</title></path>\n",
                curve(line),
                escaped(&edge.from),
                escaped(&edge.to)
            ));
        }
        for (piece, place) in self.boxes.iter().zip(&self.layout.places) {
            piece.draw(svg, place);
        }
    }
}

impl Piece<'_> {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Node(node) => {
                let mut lines = vec![shortened(&one_line(&node.title()), LABEL)];
                lines.extend(figures(node).iter().map(|figure| shortened(figure, LABEL)));
                lines
            }
            Self::Event { name, published } => {
                let name = shortened(&one_line(name), LABEL);
                match published {
                    0 => vec![name],
                    many => vec![format!("{name}  {}", thousands(*many))],
                }
            }
            Self::Outside => vec!["the program".to_owned()],
        }
    }

    fn size(&self) -> Size {
        let lines = self.lines();
        let longest = lines.iter().map(|line| cells(line)).max();
        Size {
            width: CELL * longest.unwrap_or_default() as f64 + 28.0,
            height: LINE * lines.len() as f64 + 12.0,
        }
    }

    fn draw(&self, svg: &mut Svg, place: &Place) {
        let (x, y) = (place.x, place.y);
        let (class, radius, title) = match self {
            Self::Node(node) => (class(node.state), 6.0, node.id.as_str()),
            Self::Event { name, .. } => ("event", place.height / 2.0, *name),
            Self::Outside => ("idle", 6.0, OUTSIDE_ID),
        };
        svg.push(format_args!(
            "<g><title>{}</title><rect class=\"box {class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            escaped(title),
            number(x),
            number(y),
            number(place.width),
            number(place.height),
            number(radius)
        ));
        for (line, text) in self.lines().iter().enumerate() {
            let class = if line == 0 { "name" } else { "words" };
            let base = y + 6.0 + LINE * (line as f64 + 0.75);
            svg.text(class, (x + 14.0, base), text);
        }
        svg.push(format_args!("</g>\n"));
    }
}

#[derive(Default)]
struct Svg(String);

impl Svg {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(text);
    }

    fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>\n",
            number(at.0),
            number(at.1),
            escaped(text)
        ));
    }
}

fn words(node: &GraphNode) -> String {
    let mut parts = vec![node.state.name().to_owned()];
    parts.extend(figures(node));
    parts.extend(unclean(node).map(|exit| format!("last exit: {}", shortened(&exit, EXIT))));
    parts.join(" · ")
}

fn class(state: NodeState) -> &'static str {
    match state {
        NodeState::Running => "running",
        NodeState::Idle => "idle",
        NodeState::Restarting => "restarting",
        NodeState::Stopping | NodeState::Stopped => "stopped",
    }
}

/// Leads a curve through the points: level through the layers, bent between them.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (step, &(x, y)) in points.iter().enumerate() {
        let Some(&(from_x, from_y)) = step.checked_sub(1).and_then(|before| points.get(before))
        else {
            let _ = write!(path, "M{} {}", number(x), number(y));
            continue;
        };
        let _ = match step % 2 {
            1 => write!(path, "H{}", number(x)),
            _ => {
                let bend = number((from_x + x) / 2.0);
                let (from_y, x, y) = (number(from_y), number(x), number(y));
                write!(path, "C{bend} {from_y} {bend} {y} {x} {y}")
            }
        };
    }
    path
}

/// Writes a coordinate with one decimal at most.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

const STYLE: &str = "\
text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px;white-space:pre}\
.paper{fill:#ffffff}.title{font-size:18px;font-weight:600;fill:#1f2933}\
.name{fill:#1f2933}.words{fill:#6b7682}\
.edge{fill:none;stroke:#9aa5b1;stroke-width:1.4}.feeds{stroke-dasharray:5 4}.head{fill:#9aa5b1}\
.box{stroke-width:1.2}.event{fill:#e6f0ff;stroke:#6f9bd8}\
.running{fill:#e5f5e9;stroke:#58a66b}.idle{fill:#f1f3f5;stroke:#a3adb8}\
.restarting{fill:#fff2d9;stroke:#d3962a}.stopped{fill:#fae3e3;stroke:#c46a6a}\
circle.running{fill:#58a66b}circle.idle{fill:#c3cad1}circle.restarting{fill:#d3962a}circle.stopped{fill:#c46a6a}\
@media (prefers-color-scheme:dark){\
.paper{fill:#14181d}.title,.name{fill:#e6eaee}.words{fill:#97a3af}.edge{stroke:#5d6874}.head{fill:#5d6874}\
.event{fill:#172a45;stroke:#4a78b8}.running{fill:#13301c;stroke:#478a58}.idle{fill:#22272d;stroke:#5d6874}\
.restarting{fill:#3a2a0a;stroke:#c98a1b}.stopped{fill:#3a1717;stroke:#a85555}}";
const MARKER: &str = "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
orient=\"auto\"><path class=\"head\" d=\"M0 0L8 4L0 8z\"/></marker></defs>";

/// Room for one letter at 12 pixels, a little more than monospaced fonts take.
const CELL: f64 = 7.5;
const TITLE_CELL: f64 = 11.5;
const LINE: f64 = 17.0;
const ROW: f64 = 21.0;
const INDENT: f64 = 18.0;
const MARGIN: f64 = 24.0;
const NARROWEST: f64 = 320.0;
/// The longest label, title and last exit, in letters; the whole text of a label is in its tooltip.
const LABEL: usize = 32;
const TITLE: usize = 60;
const EXIT: usize = 60;
