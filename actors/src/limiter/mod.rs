//! Rate limits as plain data.

mod cooldown;
mod window;

pub use cooldown::Cooldown;
pub use window::Window;
