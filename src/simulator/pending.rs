//! Faults that wait for what shall meet them.

use std::collections::VecDeque;

use super::error::Refusal;
use super::fault::{Fault, FaultKind, Target};

/// Faults that wait for the requests and messages that shall meet them, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Pending {
    faults: VecDeque<Fault>,
}

impl Pending {
    /// The largest number of faults that can wait.
    const LIMIT: usize = 1_024;

    /// Adds a fault; one with a count of 0 clears the waiting ones of its kind instead.
    ///
    /// # Errors
    ///
    /// Refuses more than [`Pending::LIMIT`] faults.
    pub(super) fn add(&mut self, fault: Fault) -> Result<(), Refusal> {
        if fault.count == 0 {
            self.faults.retain(|other| other.kind != fault.kind);
            return Ok(());
        }
        if self.faults.len() >= Self::LIMIT {
            return Err(Refusal::bad("fault: too many faults are waiting"));
        }
        self.faults.push_back(fault);
        Ok(())
    }

    /// Takes one of the first fault of `kind` that meets `target`.
    pub(super) fn take(&mut self, kind: FaultKind, target: Target<'_>) -> Option<Fault> {
        self.take_any(&[kind], target)
    }

    /// Takes one of the first fault of any of these kinds that meets `target`.
    pub(super) fn take_any(&mut self, kinds: &[FaultKind], target: Target<'_>) -> Option<Fault> {
        let place = self
            .faults
            .iter()
            .position(|fault| kinds.contains(&fault.kind) && fault.meets(target))?;
        let waiting = self.faults.get_mut(place)?;
        waiting.count -= 1;
        let fault = waiting.clone().count(1);
        if waiting.count == 0 {
            self.faults.remove(place);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_request_meets_one_fault_in_the_order_they_came() {
        let mut pending = Pending::default();
        let first = Fault::new(FaultKind::Http).status(500).count(2).path("/a");
        pending.add(first).unwrap();
        pending
            .add(Fault::new(FaultKind::Http).status(429))
            .unwrap();
        let mut status = |target| {
            pending
                .take(FaultKind::Http, Target::Request(target))
                .map(|fault| fault.status)
        };
        assert_eq!(status("/b"), Some(429));
        assert_eq!(status("/b"), None);
        assert_eq!(status("/a/x?y=1"), Some(500));
        assert_eq!(status("/a"), Some(500));
        assert_eq!(status("/a"), None);
        pending.add(FaultKind::Http.into()).unwrap();
        let upgrade = Target::Upgrade("/ws");
        assert_eq!(pending.take(FaultKind::Http, upgrade), None);
        pending
            .add(Fault::new(FaultKind::Http).path("/ws"))
            .unwrap();
        assert!(pending.take(FaultKind::Http, upgrade).is_some());
    }

    #[test]
    fn a_count_of_zero_clears_its_kind() {
        let mut pending = Pending::default();
        let delay = Fault::new(FaultKind::Delay).lasting(Duration::from_millis(5));
        pending.add(delay.clone().count(9)).unwrap();
        pending.add(FaultKind::Http.into()).unwrap();
        pending.add(delay.count(0)).unwrap();
        assert_eq!(pending.take(FaultKind::Delay, Target::Socket), None);
        assert!(pending.take(FaultKind::Http, Target::Socket).is_some());
    }
}
