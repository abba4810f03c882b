//! JSON Schemas of `envbox.yaml` and `box.yaml`, for editors; generated from the types that read them.
//!
//! What a pattern says here, a reader says better: where the two differ, the schema lets through more.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::BoxConfig;
use super::project::Project;

/// Names of tasks, services and variants.
pub(super) const NAME: &str = "^[a-z0-9][a-z0-9._-]{0,31}$";
/// A box's name.
pub(super) const BOX_NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$";
/// A package.
pub(super) const PACKAGE: &str = "^[A-Za-z0-9@][A-Za-z0-9._+:=~@/^%-]*$";
/// An absolute path.
pub(super) const ABSOLUTE: &str = "^/";
/// Permission bits in octal.
pub(super) const MODE: &str = "^[0-7]{3,5}$";
/// A digest.
pub(super) const DIGEST: &str = "^sha256:[0-9a-f]{64}$";
/// A number of bytes.
pub(super) const SIZE: &str = "^[0-9]+([KMGTkmgt])?(iB|B)?$";
/// A number of bytes a second.
pub(super) const RATE: &str = "^[0-9]+([KMGTkmgt])?(iB|B)?(/s)?$";
/// A port of the host and one of the box.
pub(super) const PORT: &str = r"^(([0-9.]+|\[[0-9a-fA-F:.]+\]):)?([0-9]{1,5}:)?[0-9]{1,5}(/(tcp|udp))?$";

/// The schema of a project's `envbox.yaml`.
pub fn project() -> Value {
    let mut schema = of::<Project>();
    variant(&mut schema);
    plain(schema)
}

/// The schema of a box's `box.yaml`.
pub fn box_config() -> Value {
    plain(of::<BoxConfig>())
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

/// The schema without what says nothing: defaults of nothing, and ends of lines that stand in the source only.
fn plain(schema: Schema) -> Value {
    let mut value = schema.to_value();
    tidy(&mut value);
    value
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| key != "default" || !value.is_null());
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// A variant is a recipe that has no variants and includes nothing.
fn variant(schema: &mut Schema) {
    let mut variant = Map::new();
    for key in ["type", "additionalProperties", "properties"] {
        variant.extend(schema.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    variant.insert("description".to_owned(), json!("A further box: the recipe, with what stands here laid over it."));
    if let Some(Value::Object(properties)) = variant.get_mut("properties") {
        properties.retain(|key, _| key != "variants" && key != "include");
    }
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        definitions.insert("Variant".to_owned(), Value::Object(variant));
    }
    if let Some(variants) = schema.pointer_mut("/properties/variants/additionalProperties") {
        *variants = json!({"$ref": "#/$defs/Variant"});
    }
}

/// Variables: YAML's numbers and truth values are texts there.
pub(super) fn variables(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": "^[^=]+$"},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    })
}

/// The map, or a line that stands for it.
pub(super) fn or_line(schema: &mut Schema) {
    or(schema, &[json!({"type": "string", "minLength": 1})]);
}

/// The map, or a command that stands for it: a line or a list of words.
pub(super) fn or_command(schema: &mut Schema) {
    let words = json!({"type": "array", "items": {"type": "string"}, "minItems": 1});
    or(schema, &[json!({"type": "string", "minLength": 1}), words]);
}

fn or(schema: &mut Schema, short: &[Value]) {
    let map = std::mem::take(schema.ensure_object());
    let description = map.get("description").cloned();
    let forms: Vec<Value> = short.iter().cloned().chain([Value::Object(map)]).collect();
    schema.insert("anyOf".to_owned(), Value::Array(forms));
    if let Some(description) = description {
        schema.insert("description".to_owned(), description);
    }
}

/// Exactly one of these keys of a map.
pub(super) fn exactly_one(schema: &mut Schema, keys: &[&str]) {
    let one = keys.iter().map(|key| json!({"required": [key]})).collect();
    schema.insert("oneOf".to_owned(), Value::Array(one));
}
