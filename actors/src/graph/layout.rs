//! Places boxes in layers from left to right, and leads lines between them. Knows nothing of bots.
//!
//! The usual four steps: turn back edges round so that there is no circle; put each box one layer behind the last that leads to it;
//! order each layer so that few lines cross; then move boxes up and down, in their order, as near to their neighbours as there is room.
//! A line that passes a layer has a place of its own in it, so that it never runs through a box.

use std::collections::BTreeSet;

/// A box to place, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where a box is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything is.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) places: Vec<Place>,
    /// For each edge the points of its line, from its beginning to its end; between every second pair it runs straight.
    pub(super) lines: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Places boxes of these sizes, with edges between them.
pub(super) fn layered(sizes: &[Size], edges: &[(usize, usize)]) -> Layout {
    if sizes.is_empty() {
        return Layout::default();
    }
    let reversed = back_edges(sizes.len(), edges);
    let forward: Vec<(usize, usize)> = edges
        .iter()
        .enumerate()
        .map(|(place, &(from, to))| match reversed.contains(&place) {
            true => (to, from),
            false => (from, to),
        })
        .collect();
    let mut grid = Grid::new(sizes, &forward);
    grid.order();
    grid.settle();
    grid.layout(sizes.len(), &reversed)
}

/// Returns the edges that close a circle, as a search in the order of the boxes finds them.
fn back_edges(boxes: usize, edges: &[(usize, usize)]) -> BTreeSet<usize> {
    let mut leading = vec![Vec::new(); boxes];
    for (place, &(from, to)) in edges.iter().enumerate() {
        leading[from].push((place, to));
    }
    let mut back = BTreeSet::new();
    // 0 new, 1 on the path, 2 done.
    let mut marks = vec![0_u8; boxes];
    for start in 0..boxes {
        if marks[start] != 0 {
            continue;
        }
        marks[start] = 1;
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let Some(&(place, to)) = leading[*at].get(*next) else {
                marks[*at] = 2;
                path.pop();
                continue;
            };
            *next += 1;
            match marks[to] {
                0 => {
                    marks[to] = 1;
                    path.push((to, 0));
                }
                1 => {
                    back.insert(place);
                }
                _ => {}
            }
        }
    }
    back
}

/// A box, or the place of a line that passes a layer.
struct Cell {
    layer: usize,
    size: Size,
    y: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

struct Grid {
    cells: Vec<Cell>,
    layers: Vec<Vec<usize>>,
    /// For each edge the cells that its line passes, ends included.
    routes: Vec<Vec<usize>>,
}

impl Grid {
    fn new(sizes: &[Size], edges: &[(usize, usize)]) -> Self {
        let layer_of = layers(sizes.len(), edges);
        let mut cells: Vec<Cell> = sizes
            .iter()
            .zip(&layer_of)
            .map(|(size, layer)| Cell::new(*layer, *size))
            .collect();
        let mut routes = Vec::with_capacity(edges.len());
        for &(from, to) in edges {
            let mut route = vec![from];
            for layer in layer_of[from] + 1..layer_of[to] {
                route.push(cells.len());
                cells.push(Cell::new(layer, PASSAGE));
            }
            route.push(to);
            for pair in route.windows(2) {
                cells[pair[0]].after.push(pair[1]);
                cells[pair[1]].before.push(pair[0]);
            }
            routes.push(route);
        }
        let depth = cells.iter().map(|cell| cell.layer + 1).max();
        let mut layers = vec![Vec::new(); depth.unwrap_or_default()];
        for (number, cell) in cells.iter().enumerate() {
            layers[cell.layer].push(number);
        }
        Self {
            cells,
            layers,
            routes,
        }
    }

    /// Orders the layers so that few lines cross.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            let rank = |layers: &[Vec<usize>], cells: usize| {
                let mut ranks = vec![0.0; cells];
                for layer in layers {
                    for (place, &cell) in layer.iter().enumerate() {
                        ranks[cell] = place as f64;
                    }
                }
                ranks
            };
            let forward = sweep % 2 == 0;
            let mut sequence: Vec<usize> = (0..self.layers.len()).collect();
            if !forward {
                sequence.reverse();
            }
            for layer in sequence {
                let ranks = rank(&self.layers, self.cells.len());
                let middle = |cell: usize| {
                    let near = match forward {
                        true => &self.cells[cell].before,
                        false => &self.cells[cell].after,
                    };
                    mean(near.iter().map(|&other| ranks[other])).unwrap_or(ranks[cell])
                };
                let mut order: Vec<_> = self.layers[layer]
                    .iter()
                    .map(|&cell| (middle(cell), cell))
                    .collect();
                order.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.layers[layer] = order.into_iter().map(|(_, cell)| cell).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    fn crossings(&self) -> usize {
        let mut rank = vec![0; self.cells.len()];
        for layer in &self.layers {
            for (place, &cell) in layer.iter().enumerate() {
                rank[cell] = place;
            }
        }
        let mut crossings = 0;
        for layer in &self.layers {
            let mut lines: Vec<(usize, usize)> = Vec::new();
            for &cell in layer {
                let after = &self.cells[cell].after;
                lines.extend(after.iter().map(|&to| (rank[cell], rank[to])));
            }
            for (place, a) in lines.iter().enumerate() {
                let rest = &lines[place + 1..];
                crossings += rest
                    .iter()
                    .filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1))
                    .count();
            }
        }
        crossings
    }

    /// Moves the cells of each layer near to their neighbours.
    fn settle(&mut self) {
        for layer in &self.layers {
            let mut y = 0.0;
            for &cell in layer {
                self.cells[cell].y = y;
                y += self.cells[cell].size.height + GAP;
            }
        }
        for sweep in 0..SWEEPS {
            let mut sequence: Vec<usize> = (0..self.layers.len()).collect();
            if sweep % 2 == 1 {
                sequence.reverse();
            }
            for layer in sequence {
                self.settle_layer(layer);
            }
        }
        let top = self.cells.iter().map(|cell| cell.y);
        let top = top.fold(f64::INFINITY, f64::min);
        for cell in &mut self.cells {
            cell.y -= top;
        }
    }

    /// Finds the places nearest to the wished ones that keep order and distance: cells that are in each other's way move together.
    fn settle_layer(&mut self, layer: usize) {
        let mut offset = 0.0;
        let mut offsets = Vec::with_capacity(self.layers[layer].len());
        // Blocks of cells that touch: sum of wishes, and how many.
        let mut blocks: Vec<(f64, f64)> = Vec::new();
        for &number in &self.layers[layer] {
            let cell = &self.cells[number];
            let near = cell.before.iter().chain(&cell.after);
            let wish = mean(near.map(|&other| self.cells[other].middle()));
            let wish = wish.map_or(cell.y, |middle| middle - cell.size.height / 2.0);
            blocks.push((wish - offset, 1.0));
            while let [.., above, below] = &mut blocks[..]
                && above.0 / above.1 > below.0 / below.1
            {
                *above = (above.0 + below.0, above.1 + below.1);
                blocks.pop();
            }
            offsets.push(offset);
            offset += cell.size.height + GAP;
        }
        let places = blocks
            .iter()
            .flat_map(|(sum, number)| std::iter::repeat_n(sum / number, *number as usize));
        let places: Vec<f64> = places
            .zip(&offsets)
            .map(|(at, offset)| at + offset)
            .collect();
        for (&number, y) in self.layers[layer].iter().zip(places) {
            self.cells[number].y = y;
        }
    }

    fn layout(&self, boxes: usize, reversed: &BTreeSet<usize>) -> Layout {
        let widths: Vec<f64> = self
            .layers
            .iter()
            .map(|layer| {
                let widths = layer.iter().map(|&cell| self.cells[cell].size.width);
                widths.fold(0.0, f64::max)
            })
            .collect();
        let mut lefts = Vec::with_capacity(widths.len());
        let mut x = 0.0;
        for width in &widths {
            lefts.push(x);
            x += width + CORRIDOR;
        }
        let place = |number: usize| {
            let cell = &self.cells[number];
            Place {
                // In the middle of its layer.
                x: lefts[cell.layer] + (widths[cell.layer] - cell.size.width) / 2.0,
                y: cell.y,
                width: cell.size.width,
                height: cell.size.height,
            }
        };
        let bottom = self.cells.iter().map(|cell| cell.y + cell.size.height);
        let mut lines = Vec::with_capacity(self.routes.len());
        for (edge, route) in self.routes.iter().enumerate() {
            let mut line = Vec::with_capacity(route.len() * 2);
            for (step, &cell) in route.iter().enumerate() {
                let (left, own) = (lefts[self.cells[cell].layer], place(cell));
                let right = left + widths[self.cells[cell].layer];
                if step > 0 {
                    let y = self.port(cell, edge, route[step - 1], false);
                    line.push((left, y));
                    line.push((
                        if step + 1 == route.len() {
                            own.x
                        } else {
                            right
                        },
                        y,
                    ));
                } else {
                    let y = self.port(cell, edge, route[1], true);
                    line.push((own.x + own.width, y));
                    line.push((right, y));
                }
            }
            if reversed.contains(&edge) {
                line.reverse();
            }
            lines.push(line);
        }
        Layout {
            places: (0..boxes).map(place).collect(),
            lines,
            width: x - CORRIDOR,
            height: bottom.fold(0.0, f64::max),
        }
    }

    /// Returns where on the side of a cell a line ends: lines are spread over it in the order of their other ends.
    fn port(&self, cell: usize, edge: usize, other: usize, right: bool) -> f64 {
        let own = &self.cells[cell];
        let mut ends: Vec<(f64, usize)> = self
            .routes
            .iter()
            .enumerate()
            .filter_map(|(number, route)| {
                let at = route.iter().position(|&passed| passed == cell)?;
                let next = if right { at + 1 } else { at.checked_sub(1)? };
                let next = *route.get(next)?;
                Some((self.cells[next].middle(), number))
            })
            .collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let wanted = (self.cells[other].middle(), edge);
        let place = ends.iter().position(|end| *end == wanted);
        let share = (place.unwrap_or_default() + 1) as f64 / (ends.len() + 1) as f64;
        own.y + own.size.height * share
    }
}

impl Cell {
    fn new(layer: usize, size: Size) -> Self {
        Self {
            layer,
            size,
            y: 0.0,
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    fn middle(&self) -> f64 {
        self.y + self.size.height / 2.0
    }
}

/// Puts each box one layer behind the last that leads to it.
fn layers(boxes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layer = vec![0; boxes];
    // Without circles it is done after as many rounds as there are boxes at most.
    for _ in 0..boxes {
        let mut moved = false;
        for &(from, to) in edges {
            if layer[to] < layer[from] + 1 {
                layer[to] = layer[from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    layer
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, number) = values.fold((0.0, 0.0), |(sum, number), value| {
        (sum + value, number + 1.0)
    });
    (number > 0.0).then(|| sum / number)
}

/// The room of a line that passes a layer.
const PASSAGE: Size = Size {
    width: 0.0,
    height: 6.0,
};
/// Between two boxes of a layer.
const GAP: f64 = 14.0;
/// Between two layers.
const CORRIDOR: f64 = 64.0;
const SWEEPS: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOX: Size = Size {
        width: 100.0,
        height: 40.0,
    };

    #[test]
    fn a_chain_runs_from_left_to_right_and_a_circle_comes_back() {
        let layout = layered(&[BOX; 3], &[(0, 1), (1, 2), (2, 0)]);
        let x: Vec<_> = layout.places.iter().map(|place| place.x).collect();
        assert_eq!(x, [0.0, 164.0, 328.0]);
        let back = &layout.lines[2];
        assert!(back[0].0 > back[back.len() - 1].0, "{back:?}");
    }

    #[test]
    fn lines_are_untangled() {
        let crossed = [(0, 3), (1, 2), (0, 3), (1, 2)];
        let layout = layered(&[BOX; 4], &crossed);
        assert_eq!(
            layout.places[0].y < layout.places[1].y,
            layout.places[3].y < layout.places[2].y
        );
    }

    fn overlap(a: &Place, b: &Place) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_two_boxes_overlap_and_no_line_leaves_the_picture(
            heights in prop::collection::vec(20.0..80.0, 1..40_usize),
            ends in prop::collection::vec((0..40_usize, 0..40_usize), 0..80),
        ) {
            let sizes: Vec<_> = heights.iter().map(|height| Size { width: 100.0, height: *height }).collect();
            let edges: Vec<_> = ends
                .iter()
                .map(|(from, to)| (from % sizes.len(), to % sizes.len()))
                .filter(|(from, to)| from != to)
                .collect();
            let layout = layered(&sizes, &edges);
            for (number, a) in layout.places.iter().enumerate() {
                for b in &layout.places[number + 1..] {
                    prop_assert!(!overlap(a, b), "{a:?} {b:?}");
                }
            }
            prop_assert_eq!(layout.lines.len(), edges.len());
            for point in layout.lines.iter().flatten() {
                prop_assert!((0.0..=layout.width).contains(&point.0), "{point:?}");
                prop_assert!((-1e-6..=layout.height + 1e-6).contains(&point.1), "{point:?}");
            }
        }
    }
}
