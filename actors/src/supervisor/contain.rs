//! Panics as values.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; a panic in it comes back as its text.
///
/// # Errors
///
/// The text of the panic.
pub fn contain<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(text_of)
}

/// Returns the text of a panic, and lets go of its payload: even one that panics when it is dropped.
pub(crate) fn text_of(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned());
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        forget(second);
    }
    text
}

#[expect(
    clippy::mem_forget,
    reason = "whoever panics while it is dropped may do so again: a leak is the lesser evil"
)]
fn forget(payload: Box<dyn Any + Send>) {
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    struct Grenade;

    impl Drop for Grenade {
        fn drop(&mut self) {
            panic_any(Self);
        }
    }

    #[test]
    fn any_payload_is_contained_and_text_is_kept() {
        assert_eq!(contain(|| 1), Ok(1));
        assert_eq!(contain::<()>(|| panic!("text")), Err("text".to_owned()));
        let number = 7;
        assert_eq!(
            contain::<()>(|| panic!("text {number}")),
            Err("text 7".to_owned())
        );
        let silent = Err("a value that is not text".to_owned());
        assert_eq!(contain::<()>(|| panic_any(number)), silent);
        assert_eq!(contain::<()>(|| panic_any(Grenade)), silent);
    }
}
