//! Adobe's OpenAPI files as the judge of requests and answers.
//!
//! ```ignore
//! let Some(spec) = Spec::load(EDGE) else { return };
//! spec.check_request("POST", "/ee/v2/interact?datastreamId=1", &headers, &body).expect("as Adobe's file says");
//! spec.check_answer("POST", "/ee/v2/interact?datastreamId=1", 200, &answer).expect("as Adobe's file says");
//! ```
//!
//! Where a file is known not to say what the service does, [`DEVIATIONS`] says so by name and mends it before anything is judged.

use std::path::PathBuf;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use reqwest::Url;
use serde_json::{Map, Value, json};

/// The Edge Network.
pub const EDGE: &str = "edge-network-api-reference.yaml";
/// Audiences.
pub const SEGMENTATION: &str = "segmentation.yaml";
/// Flow Service: flows and target connections.
pub const DESTINATIONS: &str = "destinations.yaml";

/// The parameters of a query as sent.
type Query = Vec<(String, String)>;

/// One file.
pub struct Spec {
    document: Value,
    /// The path of the server's URL, without a slash at its end.
    base: String,
}

impl Spec {
    /// Reads a file of the shared directory; `None`, said aloud, where that is absent.
    pub fn load(file: &str) -> Option<Self> {
        let shared = std::env::var_os("SEGUE_SHARED")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
        let path = shared.join("specs").join(file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: there is no {}", path.display());
            return None;
        };
        let mut document: Value = serde_saphyr::from_str(&text).expect("a YAML file");
        for deviation in DEVIATIONS.iter().filter(|deviation| deviation.file == file) {
            assert!((deviation.mend)(&mut document), "{file} no longer deviates: {}", deviation.what);
        }
        let server = document["servers"][0]["url"].as_str().expect("a server's URL");
        let path = server.split_once("//").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
        let base = format!("/{}", path.trim_end_matches('/'));
        Some(Self { document, base })
    }

    /// Whether a request is one that the file describes. `target` is path and query as sent, from the host on.
    pub fn check_request(&self, method: &str, target: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
        let (operation, query) = self.operation(method, target)?;
        let mut flaws = self.parameter_flaws(operation, &query, headers);
        flaws.extend(security_flaws(operation, headers));
        flaws.extend(self.body_flaws(operation, headers, body));
        finish(&format!("{method} {target}"), flaws)
    }

    /// Whether an answer to such a request is one that the file describes.
    pub fn check_answer(&self, method: &str, target: &str, status: u16, body: &[u8]) -> Result<(), String> {
        let (operation, _) = self.operation(method, target)?;
        let responses = &operation["responses"];
        let what = format!("{status} to {method} {target}");
        let Some(response) = responses.get(status.to_string()).or_else(|| responses.get("default")) else {
            return Err(format!("{what}: no such status is described"));
        };
        match self
            .resolve(response)
            .get("content")
            .and_then(Value::as_object)
            .and_then(|content| content.values().next())
        {
            None if body.is_empty() => Ok(()),
            None => Err(format!("{what}: a body where none is described")),
            Some(media) => finish(&what, self.json_flaws(&media["schema"], body)),
        }
    }

    fn operation(&self, method: &str, target: &str) -> Result<(&Value, Query), String> {
        let url = Url::parse("http://host").and_then(|base| base.join(target)).map_err(|error| error.to_string())?;
        let path = url.path().strip_prefix(&self.base).ok_or(format!("{target}: not below {}", self.base))?;
        let path = without_location_hint(path);
        let paths = self.document["paths"].as_object().expect("paths");
        let literal = paths.get(path);
        let found =
            literal.or_else(|| paths.iter().find(|(template, _)| matches(template, path)).map(|(_, item)| item));
        let operation = found.and_then(|item| item.get(method.to_lowercase()));
        let operation = operation.ok_or(format!("{method} {target}: not described"))?;
        Ok((operation, url.query_pairs().into_owned().collect()))
    }

    fn parameter_flaws(&self, operation: &Value, query: &Query, headers: &HeaderMap) -> Vec<String> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters: Vec<&Value> = parameters.map(|parameter| self.resolve(parameter)).collect();
        let mut flaws = Vec::new();
        for parameter in &parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let values: Vec<&str> = match place {
                "query" => query.iter().filter(|(key, _)| key == name).map(|(_, value)| &**value).collect(),
                "header" => headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect(),
                _ => continue,
            };
            if values.is_empty() && parameter["required"] == true {
                flaws.push(format!("{place} parameter {name} is missing"));
            }
            for value in values {
                let schema = &parameter["schema"];
                let found = self.flaws(schema, &typed(schema, value));
                flaws.extend(found.into_iter().map(|flaw| format!("{place} parameter {name}: {flaw}")));
            }
        }
        let described = |key: &str| parameters.iter().any(|one| one["in"] == "query" && one["name"] == key);
        let unknown = query.iter().filter(|(key, _)| !described(key));
        flaws.extend(unknown.map(|(key, _)| format!("query parameter {key} is not described")));
        flaws
    }

    fn body_flaws(&self, operation: &Value, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
        let Some(described) = operation.get("requestBody") else {
            return if body.is_empty() { Vec::new() } else { vec!["a body where none is described".to_owned()] };
        };
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match self.resolve(described)["content"].get(kind) {
            None => vec![format!("content type {kind:?} is not described")],
            Some(media) => self.json_flaws(&media["schema"], body),
        }
    }

    fn json_flaws(&self, schema: &Value, body: &[u8]) -> Vec<String> {
        match serde_json::from_slice(body) {
            Ok(value) => self.flaws(schema, &value),
            Err(error) => vec![format!("the body is no JSON: {error}")],
        }
    }

    fn flaws(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut root = schema.clone();
        root["components"] = self.document["components"].clone();
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(true);
        let validator = options.build(&root).expect("a schema of the file");
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// What a `$ref` stands for.
    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        target.map_or(value, |pointer| self.document.pointer(pointer).expect("what a $ref of the file names"))
    }
}

/// With a token, all three headers of an authenticated call; see the deviation on the Edge Network's security.
fn security_flaws(operation: &Value, headers: &HeaderMap) -> Vec<String> {
    if operation.get("security").is_none() || !headers.contains_key("authorization") {
        return Vec::new();
    }
    let missing = ["x-api-key", "x-gw-ims-org-id"].into_iter().filter(|name| !headers.contains_key(*name));
    missing.map(|name| format!("an authenticated call lacks {name}")).collect()
}

fn finish(what: &str, flaws: Vec<String>) -> Result<(), String> {
    if flaws.is_empty() { Ok(()) } else { Err(format!("{what}:\n{}", flaws.join("\n"))) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A parameter's value as its schema's type; as text where it is none of that.
fn typed(schema: &Value, value: &str) -> Value {
    match text(&schema["type"]) {
        "integer" | "number" | "boolean" => serde_json::from_str(value).unwrap_or_else(|_| json!(value)),
        _ => json!(value),
    }
}

fn matches(template: &str, path: &str) -> bool {
    let fits = |(wanted, given): (&str, &str)| wanted.starts_with('{') || wanted == given;
    template.split('/').count() == path.split('/').count() && template.split('/').zip(path.split('/')).all(fits)
}

/// The Edge Network takes `/or2/v2/interact` for `/v2/interact`, and its file does not say so.
fn without_location_hint(path: &str) -> &str {
    match path.trim_start_matches('/').split_once('/') {
        Some((_, rest)) if rest.starts_with("v1/") || rest.starts_with("v2/") => &path[path.len() - rest.len() - 1..],
        _ => path,
    }
}

/// Where a file does not say what the service does.
pub struct Deviation {
    pub file: &'static str,
    pub what: &'static str,
    /// Mends it; `false` when the file does not deviate like that.
    mend: fn(&mut Value) -> bool,
}

/// All that are known.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        file: EDGE,
        what: "partial answers (207) are not described",
        mend: |document| {
            let partial = json!({ "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/InteractResponse" } } } });
            ["/v1/interact", "/v2/interact"].iter().all(|path| {
                let responses = responses(document, path, "post");
                responses.insert("207".to_owned(), partial.clone()).is_none()
            })
        },
    },
    Deviation {
        file: EDGE,
        what: "bodies of errors (RFC 7807) and statuses such as 401, 408, 422, 429 and 503 are not described",
        mend: |document| {
            let problem = json!({ "type": "object", "required": ["type", "status", "title"], "properties": {
                "type": { "type": "string", "pattern": "^https://ns\\.adobe\\.com/aep/errors/EXEG-[0-9]{4}-[0-9]{3}$" },
                "status": { "type": "integer" }, "title": { "type": "string" }, "detail": { "type": "string" },
                "report": { "type": "object", "properties": { "requestId": { "type": "string" } } } } });
            let default = json!({ "content": { "application/problem+json": { "schema": problem } } });
            let paths: Vec<String> = object(document, "/paths").keys().cloned().collect();
            paths.iter().all(|path| {
                let responses = responses(document, path, "post");
                responses.retain(|status, _| status.starts_with('2'));
                responses.insert("default".to_owned(), default.clone()).is_none()
            })
        },
    },
    Deviation {
        file: EDGE,
        what: "free-form data is described as an object of lists of texts",
        mend: |document| {
            ["BatchV1Event", "SingleEvent", "BatchV2Event"].iter().all(|schema| {
                let data = object(document, &format!("/components/schemas/{schema}/properties/data"));
                data.remove("additionalProperties").is_some()
            })
        },
    },
    Deviation {
        file: EDGE,
        what: "a consent requires \"type\", really \"standard\"",
        mend: |document| {
            let at = "/components/schemas/ConsentStandard/required";
            replace(document, at, &json!(["type", "version", "value"]), json!(["standard", "version", "value"]))
        },
    },
    Deviation {
        file: EDGE,
        what: "a consent's value is an object and, for IAB TCF, a text at once",
        mend: |document| {
            let at = "/components/schemas/ConsentStandard/properties/value";
            replace(document, at, &json!({ "type": "object" }), json!({}))
        },
    },
    Deviation {
        file: EDGE,
        what: "the Web SDK sends consent and identity calls as text/plain, too",
        mend: |document| {
            let consent = "/paths/~1v1~1privacy~1set-consent/post/requestBody/content";
            [consent, "/components/requestBodies/IdentityAcquire/content"].iter().all(|at| {
                let content = object(document, at);
                let json = content["application/json"].clone();
                content.insert("text/plain".to_owned(), json).is_none()
            })
        },
    },
    Deviation {
        file: EDGE,
        what: "security of /v2 is listed as alternatives: really both at once with a token, and none without",
        mend: |document| {
            let security = document.pointer("/paths/~1v2~1interact/post/security");
            security == Some(&json!([{ "ApiKeyAuth": [] }, { "IMSAuth": [] }]))
        },
    },
    Deviation {
        file: SEGMENTATION,
        what: "an audience must fit exactly one of two descriptions that most audiences fit both of",
        mend: |document| {
            let items = object(document, "/components/schemas/AudiencesList/properties/children/items");
            let one_of = items.remove("oneOf");
            one_of.is_some_and(|one_of| items.insert("anyOf".to_owned(), one_of).is_none())
        },
    },
    Deviation {
        file: SEGMENTATION,
        what: "an external audience's type is described as ExternalAudience, really ExternalSegment",
        mend: |document| {
            let at = "/components/schemas/ExternallyGeneratedAudience/properties/type/enum";
            let described = json!(["SegmentDefinition", "ExternalAudience"]);
            replace(document, at, &described, json!(["ExternalSegment", "ExternalAudience"]))
        },
    },
    Deviation {
        file: SEGMENTATION,
        what: "an external audience's namespace is also written aam",
        mend: |document| {
            let at = "/components/schemas/ExternallyGeneratedAudience/properties/namespace/enum";
            let described = json!(["AAM", "AAMSegments", "AAMTraits", "AEPSegments"]);
            replace(document, at, &described, json!(["aam", "AAM", "AAMSegments", "AAMTraits", "AEPSegments"]))
        },
    },
    Deviation {
        file: SEGMENTATION,
        what: "the next page's number is also written as a text",
        mend: |document| {
            let at = "/components/schemas/AudiencesList/properties/_page/properties/next/type";
            replace(document, at, &json!("integer"), json!(["integer", "string"]))
        },
    },
    Deviation {
        file: SEGMENTATION,
        what: "the next page's address carries totalCount, which is not described",
        mend: |document| {
            let parameters = document.pointer_mut("/paths/~1audiences/get/parameters").and_then(Value::as_array_mut);
            let parameters = parameters.expect("the parameters of /audiences");
            let is_new = !parameters.iter().any(|parameter| parameter["name"] == "totalCount");
            parameters.push(json!({ "name": "totalCount", "in": "query", "schema": { "type": "integer" } }));
            is_new
        },
    },
    Deviation {
        file: SEGMENTATION,
        what: "statuses other than 200 and 403 are not described",
        mend: |document| {
            let schema = json!({ "type": "object", "anyOf": [
                { "required": ["error_code", "message"] }, { "required": ["type", "title", "status"] } ] });
            let default = json!({ "content": { "application/json": { "schema": schema } } });
            responses(document, "/audiences", "get").insert("default".to_owned(), default).is_none()
        },
    },
    Deviation {
        file: DESTINATIONS,
        what: "a list of flows must fit exactly one of two descriptions that batch flows fit both of",
        mend: |document| {
            let schema = object(document, "/paths/~1flows/get/responses/200/content/application~1json/schema");
            let one_of = schema.remove("oneOf");
            one_of.is_some_and(|one_of| schema.insert("anyOf".to_owned(), one_of).is_none())
        },
    },
    Deviation {
        file: DESTINATIONS,
        what: "a flow's transformation must fit exactly one of two descriptions that most fit both of",
        mend: |document| {
            let schema = object(document, "/components/schemas/BatchTransformation/properties/params");
            let one_of = schema.remove("oneOf");
            one_of.is_some_and(|one_of| schema.insert("anyOf".to_owned(), one_of).is_none())
        },
    },
    Deviation {
        file: DESTINATIONS,
        what: "what a flow inherits is described with lists as objects and objects as texts",
        mend: |document| {
            let at = "/components/schemas/BaseFlowItem/properties/inheritedAttributes/properties";
            let inherited = object(document, at);
            ["sourceConnections", "targetConnections"].iter().all(|list| {
                let mut item = inherited[*list].clone();
                objects_for_texts(&mut item);
                inherited.insert((*list).to_owned(), json!({ "type": "array", "items": item })).is_some()
            })
        },
    },
    Deviation {
        file: DESTINATIONS,
        what: "/targetConnections is described as a single one, really {items: [...]}",
        mend: |document| {
            let at = "/paths/~1targetConnections/get/responses/200/content/application~1json/schema";
            let described = json!({ "$ref": "#/components/schemas/TargetConnectionItem" });
            let list = json!({ "type": "object", "required": ["items"],
                "properties": { "items": { "type": "array", "items": described } } });
            replace(document, at, &described, list)
        },
    },
    Deviation {
        file: DESTINATIONS,
        what: "a target connection's parameters are described for two kinds of destination only",
        mend: |document| {
            let at = "/components/schemas/TargetConnectionItem/properties/params";
            let params = object(document, at);
            params.insert("type".to_owned(), json!("object"));
            params.remove("oneOf").is_some()
        },
    },
    Deviation {
        file: DESTINATIONS,
        what: "what a target connection inherits is described as texts, really objects",
        mend: |document| {
            let at = "/components/schemas/TargetConnectionItem/properties/inheritedAttributes";
            let inherited = document.pointer_mut(at).expect("what a target connection inherits");
            let before = inherited.clone();
            objects_for_texts(inherited);
            *inherited != before
        },
    },
    Deviation {
        file: DESTINATIONS,
        what: "statuses such as 429 and 503 are not described",
        mend: |document| {
            let default = json!({ "content": { "application/json": { "schema": { "type": "object" } } } });
            ["/flows", "/targetConnections"]
                .iter()
                .all(|path| responses(document, path, "get").insert("default".to_owned(), default.clone()).is_none())
        },
    },
];

fn object<'d>(document: &'d mut Value, pointer: &str) -> &'d mut Map<String, Value> {
    let found = document.pointer_mut(pointer).and_then(Value::as_object_mut);
    found.unwrap_or_else(|| panic!("the file has no {pointer}"))
}

fn responses<'d>(document: &'d mut Value, path: &str, method: &str) -> &'d mut Map<String, Value> {
    object(document, &format!("/paths/{}/{method}/responses", path.replace('/', "~1")))
}

fn replace(document: &mut Value, pointer: &str, was: &Value, becomes: Value) -> bool {
    match document.pointer_mut(pointer) {
        Some(found) if described(found) == *was => {
            *found = becomes;
            true
        }
        _ => false,
    }
}

/// A schema without its texts for people.
fn described(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.retain(|key, _| !matches!(key.as_str(), "description" | "example" | "title"));
    }
    schema
}

/// Schemas of texts that nonetheless have properties become schemas of objects.
fn objects_for_texts(schema: &mut Value) {
    if schema.get("properties").is_some() {
        schema["type"] = json!("object");
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for schema in properties.into_iter().flat_map(|properties| properties.values_mut()) {
        objects_for_texts(schema);
    }
    if let Some(base) = schema.pointer_mut("/properties/baseConnection") {
        base["type"] = json!("object");
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let parsed = |(name, value): &(&'static str, &'static str)| {
        (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
    };
    pairs.iter().map(parsed).collect()
}

#[test]
fn the_edge_networks_file_judges_requests() {
    let Some(spec) = Spec::load(EDGE) else { return };
    let json = headers(&[("content-type", "application/json")]);
    let good = br#"{"event":{"xdm":{"identityMap":{"ECID":[{"id":"1","primary":true}]}}}}"#;
    for target in ["/ee/v2/interact?datastreamId=1", "/ee/or2/v2/interact?datastreamId=1"] {
        assert_eq!(spec.check_request("POST", target, &json, good), Ok(()));
    }
    let target = "/ee/v2/interact?datastreamId=1";
    let bad: [(&str, &HeaderMap, &[u8]); 7] = [
        ("/ee/v2/interact", &json, good),
        ("/ee/v2/interact?datastreamId=1&other=1", &json, good),
        ("/ee/v2/interact?datastreamId=1&requestId=7", &json, good),
        ("/ee/v2/nothing?datastreamId=1", &json, good),
        (target, &json, br#"{"events":[]}"#),
        (target, &json, br#"{"event":{"xdm":{"identityMap":{"ECID":[{"id":1}]}}}}"#),
        (target, &headers(&[("content-type", "application/json"), ("authorization", "Bearer t")]), good),
    ];
    for (target, headers, body) in bad {
        assert!(spec.check_request("POST", target, headers, body).is_err(), "{target}");
    }
    assert!(spec.check_request("GET", target, &json, good).is_err());
    assert!(spec.check_request("POST", target, &headers(&[("content-type", "text/html")]), good).is_err());
}

#[test]
fn the_edge_networks_file_judges_answers() {
    let Some(spec) = Spec::load(EDGE) else { return };
    let check = |status, body: &str| spec.check_answer("POST", "/ee/v1/interact?configId=1", status, body.as_bytes());
    assert_eq!(check(200, r#"{"requestId":"1","handle":[{"type":"activation:pull","payload":[{}]}]}"#), Ok(()));
    assert!(check(200, r#"{"handle":[]}"#).is_err());
    assert!(check(200, r#"{"requestId":"1","handle":[{"payload":[{}]}]}"#).is_err());
    assert!(check(207, r#"{"requestId":"1","handle":[],"errors":[]}"#).is_ok());
    assert!(
        check(422, r#"{"type":"https://ns.adobe.com/aep/errors/EXEG-0004-422","status":422,"title":"off"}"#).is_ok()
    );
    assert!(check(422, r#"{"error":"off"}"#).is_err());
}

#[test]
fn the_files_of_audiences_and_flows_judge_both() {
    let (Some(audiences), Some(flows)) = (Spec::load(SEGMENTATION), Spec::load(DESTINATIONS)) else { return };
    let account = [("authorization", "Bearer t"), ("x-api-key", "k"), ("x-gw-ims-org-id", "o")];
    let whole = headers(&[account[0], account[1], account[2], ("x-sandbox-name", "prod")]);
    let target = "/data/core/ups/audiences?limit=2&start=1";
    assert_eq!(audiences.check_request("GET", target, &whole, b""), Ok(()));
    assert!(audiences.check_request("GET", target, &headers(&account), b"").is_err());
    assert!(audiences.check_request("GET", "/data/core/ups/audiences?limit=two", &whole, b"").is_err());
    assert!(audiences.check_request("GET", "/data/core/ups/audiences?page=2", &whole, b"").is_err());
    assert!(audiences.check_answer("GET", target, 200, br#"{"children":[{"id":"1"}],"_page":{"next":"1"}}"#).is_ok());
    assert!(audiences.check_answer("GET", target, 200, br#"{"children":[{"id":1}]}"#).is_err());
    assert!(audiences.check_answer("GET", target, 200, br#"{"children":[{"updateTime":"now"}]}"#).is_err());
    let target = "/data/foundation/flowservice/flows?property=state%3D%3Denabled&limit=100";
    assert_eq!(flows.check_request("GET", target, &whole, b""), Ok(()));
    assert!(flows.check_request("GET", &target.replace("100", "101"), &whole, b"").is_err());
    assert!(flows.check_answer("GET", target, 200, br#"{"items":[{"id":"1"}]}"#).is_err());
    let target = "/data/foundation/flowservice/targetConnections";
    assert!(flows.check_answer("GET", target, 200, br#"{"items":[]}"#).is_ok());
    assert!(flows.check_answer("GET", target, 200, br#"{"id":"1"}"#).is_err());
}
