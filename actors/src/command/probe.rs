//! A source that only watches what a type reads from it.

use std::cell::RefCell;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::argument::{ArgumentError, Kind};
use super::shape::NESTED;

/// Which fields are given in one look, and which variant of a choice.
#[derive(Clone, Copy, Default)]
pub(super) struct Keys {
    before: usize,
    only: Option<usize>,
    variant: usize,
}

impl Keys {
    pub(super) fn before(index: usize) -> Self {
        Self {
            before: index,
            ..Self::default()
        }
    }

    pub(super) fn only(index: usize, variant: usize) -> Self {
        Self {
            only: Some(index),
            variant,
            ..Self::default()
        }
    }

    fn has(self, index: usize) -> bool {
        index < self.before || self.only == Some(index)
    }
}

/// What was seen in one look.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) kind: Option<Kind>,
    pub(super) is_optional: bool,
    pub(super) fault: Option<String>,
}

#[derive(Default)]
pub(super) struct Watch {
    pub(super) fields: RefCell<&'static [&'static str]>,
    pub(super) seen: RefCell<Seen>,
}

impl Watch {
    pub(super) fn take(&self) -> Seen {
        self.seen.take()
    }

    /// Notes the kind of a value, and that of what it consists of.
    fn note(&self, kind: Kind) {
        let seen = &mut *self.seen.borrow_mut();
        match &mut seen.kind {
            None => seen.kind = Some(kind),
            Some(Kind::Many(inner)) => **inner = kind,
            // A newtype around it has said more already.
            Some(_) => {}
        }
    }

    fn fault<T>(&self, fault: &str) -> Result<T, ArgumentError> {
        let seen = &mut *self.seen.borrow_mut();
        seen.fault.get_or_insert_with(|| fault.to_owned());
        Err(ArgumentError::default())
    }
}

/// The source of a whole struct.
pub(super) struct Probe<'w> {
    pub(super) keys: Keys,
    pub(super) watch: &'w Watch,
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = ArgumentError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ArgumentError> {
        self.watch
            .fault("the arguments must be a struct with named fields, without `flatten`, or `()`")
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        visitor.visit_unit()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        if Kind::of_struct(name, fields).is_some() {
            return self.deserialize_any(visitor);
        }
        self.watch.fields.replace(fields);
        visitor.visit_map(Look {
            probe: self,
            next: 0,
        })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option newtype_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

struct Look<'w> {
    probe: Probe<'w>,
    next: usize,
}

impl<'de> MapAccess<'de> for Look<'_> {
    type Error = ArgumentError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ArgumentError> {
        let fields = *self.probe.watch.fields.borrow();
        while let Some(name) = fields.get(self.next) {
            self.next += 1;
            if self.probe.keys.has(self.next - 1) {
                return seed.deserialize((*name).into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ArgumentError> {
        seed.deserialize(ValueProbe {
            variant: self.probe.keys.variant,
            watch: self.probe.watch,
        })
    }
}

/// The source of one value: notes what is asked for, and answers something of that kind.
#[derive(Clone, Copy)]
struct ValueProbe<'w> {
    variant: usize,
    watch: &'w Watch,
}

macro_rules! noted {
    ($($deserialize:ident $visit:ident($value:expr) $kind:expr,)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
            self.watch.note($kind);
            visitor.$visit($value)
        }
    )*};
}

macro_rules! number {
    ($number:ty) => {
        Kind::Number {
            least: <$number>::MIN as i128,
            most: <$number>::MAX as u128,
        }
    };
}

impl<'de> Deserializer<'de> for ValueProbe<'_> {
    type Error = ArgumentError;

    noted! {
        deserialize_any visit_str("") Kind::Text,
        deserialize_bool visit_bool(true) Kind::Flag,
        deserialize_char visit_char('a') Kind::Character,
        deserialize_f32 visit_f32(1.0) Kind::Fraction,
        deserialize_f64 visit_f64(1.0) Kind::Fraction,
        deserialize_i8 visit_i8(1) number!(i8),
        deserialize_i16 visit_i16(1) number!(i16),
        deserialize_i32 visit_i32(1) number!(i32),
        deserialize_i64 visit_i64(1) number!(i64),
        deserialize_i128 visit_i128(1) number!(i128),
        deserialize_identifier visit_str("") Kind::Text,
        deserialize_str visit_str("") Kind::Text,
        deserialize_string visit_str("") Kind::Text,
        deserialize_u8 visit_u8(1) number!(u8),
        deserialize_u16 visit_u16(1) number!(u16),
        deserialize_u32 visit_u32(1) number!(u32),
        deserialize_u64 visit_u64(1) number!(u64),
        deserialize_u128 visit_u128(1) number!(u128),
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        self.watch.seen.borrow_mut().is_optional = true;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        if let Some(kind) = Kind::of_newtype(name) {
            self.watch.note(kind);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        if self.watch.seen.borrow().kind.is_some() {
            return self.watch.fault("a list of lists cannot be given in words");
        }
        self.watch.note(Kind::Many(Box::new(Kind::Text)));
        visitor.visit_seq(One(Some(self)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        match Kind::of_struct(name, fields) {
            Some(Kind::Duration) => {
                self.watch.note(Kind::Duration);
                visitor.visit_seq(SeqDeserializer::new([1_u64, 0].into_iter()))
            }
            Some(kind) => {
                self.watch.note(kind);
                visitor.visit_map(de::value::MapDeserializer::new(std::iter::empty::<(
                    &str,
                    &str,
                )>()))
            }
            None => self.watch.fault(NESTED),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        self.watch.note(Kind::Choice(variants));
        match variants.get(self.variant).or(variants.first()) {
            Some(name) => visitor.visit_enum(Variant { name, probe: self }),
            None => self.watch.fault("a choice between nothing"),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ArgumentError> {
        self.watch.fault("bytes cannot be given in words")
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ArgumentError> {
        self.watch.fault(NESTED)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgumentError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, ArgumentError> {
        self.deserialize_any(visitor)
    }
}

/// A list of one.
struct One<'w>(Option<ValueProbe<'w>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = ArgumentError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ArgumentError> {
        self.0
            .take()
            .map(|probe| seed.deserialize(probe))
            .transpose()
    }
}

/// One variant of a choice.
struct Variant<'w> {
    name: &'static str,
    probe: ValueProbe<'w>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = ArgumentError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), ArgumentError> {
        let name: StrDeserializer<'_, ArgumentError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = ArgumentError;

    fn unit_variant(self) -> Result<(), ArgumentError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        _: S,
    ) -> Result<S::Value, ArgumentError> {
        self.refuse()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, ArgumentError> {
        self.refuse()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ArgumentError> {
        self.refuse()
    }
}

impl Variant<'_> {
    fn refuse<T>(&self) -> Result<T, ArgumentError> {
        let fault = format!("the choice `{}` has fields", self.name);
        self.probe.watch.fault(&fault)
    }
}
