//! Sending tokens: what is signed, the ledger that takes it, and the [wallet](Wallet) that does one transfer after another.

mod error;
mod ledger;
mod signature;
mod transfer;
mod wallet;

pub use error::TransferError;
pub use transfer::{TokenTransfer, TransferReceipt};
pub(super) use wallet::{SendTokens, Wallet};
