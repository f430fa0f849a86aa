//! The message cache: shards on sled.
