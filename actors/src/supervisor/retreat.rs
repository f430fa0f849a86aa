//! Stopping several children in reverse start order, without ever waiting in one place.

use super::Strategy;
use super::control::Wish;
use super::slot::Slots;

/// Children that are to be down, one after another, the one that was started last first.
///
/// Children that were added later under one-for-one do not depend on each other; they are told all at once.
pub(super) struct Retreat {
    wish: Wish,
    strategy: Strategy,
    /// In start order; whoever is down is taken off the end.
    left: Vec<u64>,
    /// So many of them, counted from the front, have not been told.
    untold: usize,
}

impl Retreat {
    pub(super) fn new(wish: Wish, strategy: Strategy, children: Vec<u64>) -> Self {
        Self {
            wish,
            strategy,
            untold: children.len(),
            left: children,
        }
    }

    pub(super) fn wish(&self) -> Wish {
        self.wish
    }

    /// Goes on; returns true once all are down.
    pub(super) fn advance(&mut self, slots: &mut Slots) -> bool {
        loop {
            while let Some(id) = self.left.last()
                && slots.get(*id).is_none_or(|slot| slot.is_down())
            {
                self.left.pop();
            }
            self.untold = self.untold.min(self.left.len());
            let Some(next) = self.untold.checked_sub(1) else {
                return self.left.is_empty();
            };
            let alone = self.untold == self.left.len();
            let beside = |place| self.independent(slots, place);
            if !(alone || beside(next) && beside(next + 1)) {
                return false;
            }
            self.untold = next;
            slots.stop(self.left[next], self.wish);
        }
    }

    /// Urges those that were told already, and those that will be.
    pub(super) fn urge(&mut self, wish: Wish, slots: &mut Slots) {
        self.wish = self.wish.max(wish);
        let told = &self.left[self.untold..];
        match wish {
            Wish::Kill => {
                for id in self.left.iter().rev() {
                    slots.kill(*id);
                }
                self.untold = 0;
            }
            wish => told.iter().for_each(|id| slots.stop(*id, wish)),
        }
    }

    fn independent(&self, slots: &Slots, place: usize) -> bool {
        self.strategy == Strategy::OneForOne
            && slots.get(self.left[place]).is_none_or(|slot| slot.dynamic)
    }
}
