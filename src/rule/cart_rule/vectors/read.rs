//! The file's form.

use serde::Deserializer;

use super::*;

pub(super) fn file(json: &[u8]) -> Result<Vec<Scenario>, ReadError> {
    let file: Value = serde_json::from_slice(json)?;
    let Some(all) = file.get("scenarios").and_then(Value::as_array) else { return Err(ReadError::NoScenarios) };
    let multiselects = Arc::new(multiselects(all));
    let has_cart = |(_, scenario): &(usize, &Value)| scenario.get("refused_by_store").is_none_or(Value::is_null);
    all.iter().enumerate().filter(has_cart).map(|(at, scenario)| one(at, scenario, &multiselects)).collect()
}

/// Attributes that have a list somewhere in the file.
fn multiselects(scenarios: &[Value]) -> BTreeSet<String> {
    let items = scenarios.iter().filter_map(|scenario| scenario.get("items")?.as_array()).flatten();
    let attributes = items.filter_map(|item| item.get("attributes")?.as_object()).flatten();
    attributes.filter(|(_, value)| value.is_array()).map(|(code, _)| code.clone()).collect()
}

fn one(at: usize, scenario: &Value, multiselects: &Arc<BTreeSet<String>>) -> Result<Scenario, ReadError> {
    let id = scenario.get("id").and_then(Value::as_str).map_or_else(|| format!("number {at}"), str::to_owned);
    let failed = |message: String| ReadError::Scenario { id: id.clone(), message };
    let raw = Raw::deserialize(scenario).map_err(|error| failed(error.to_string()))?;
    let rules = raw.rules.iter().enumerate().map(|(at, rule)| rule.read(at)).collect::<Result<Vec<_>, _>>();
    let rules = rules.map_err(failed)?;
    let cart = raw.cart(&rules, multiselects).map_err(failed)?;
    let excluded = match (raw.sort_order_tie, raw.store_state_inconsistent) {
        (true, _) => Some("two rules share a priority"),
        (_, true) => Some("the store contradicts itself"),
        _ => None,
    };
    let expected = raw.expected();
    Ok(Scenario { id, rules: rules.into_iter().map(|(rule, _)| rule).collect(), cart, expected, excluded })
}

#[derive(Deserialize)]
struct Raw {
    store: Store,
    #[serde(deserialize_with = "a_day")]
    date: Date,
    customer_group_id: u64,
    address: Option<Place>,
    shipping: Option<Shipping>,
    payment_method: Option<String>,
    coupon: Option<String>,
    items: Vec<Item>,
    rules: Vec<Rule>,
    expected: Charges,
    #[serde(default)]
    sort_order_tie: bool,
    #[serde(default)]
    store_state_inconsistent: bool,
}

#[derive(Deserialize)]
struct Store {
    store_id: u64,
    website_id: u64,
    #[serde(deserialize_with = "decimal")]
    rate: Decimal,
    catalog_prices_include_tax: bool,
    discount_on: String,
    tax_computed: String,
}

#[derive(Deserialize)]
struct Place {
    country_id: Option<String>,
    region: Option<String>,
    region_id: Option<u64>,
    postcode: Option<String>,
}

#[derive(Deserialize)]
struct Shipping {
    method: Option<String>,
    #[serde(default, deserialize_with = "decimal")]
    amount: Decimal,
    #[serde(default, deserialize_with = "decimal")]
    base_amount: Decimal,
}

#[derive(Deserialize)]
struct Item {
    n: usize,
    parent: Option<usize>,
    sku: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(deserialize_with = "decimal")]
    qty: Decimal,
    #[serde(deserialize_with = "decimal")]
    unit_price: Decimal,
    #[serde(deserialize_with = "decimal")]
    base_price: Decimal,
    #[serde(default, deserialize_with = "optional")]
    price_incl_tax: Option<Decimal>,
    #[serde(default, deserialize_with = "optional")]
    base_price_incl_tax: Option<Decimal>,
    #[serde(deserialize_with = "decimal")]
    row_total: Decimal,
    #[serde(deserialize_with = "decimal")]
    base_row_total: Decimal,
    #[serde(default, deserialize_with = "optional")]
    row_total_incl_tax: Option<Decimal>,
    #[serde(default, deserialize_with = "optional")]
    base_row_total_incl_tax: Option<Decimal>,
    #[serde(default, deserialize_with = "optional")]
    weight: Option<Decimal>,
    #[serde(default, deserialize_with = "optional")]
    tax_percent: Option<Decimal>,
    #[serde(rename = "virtual")]
    is_virtual: bool,
    product_sku: Option<String>,
    attribute_set_id: Option<u64>,
    #[serde(default)]
    categories_matched: BTreeSet<u64>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

#[derive(Deserialize)]
struct Rule {
    n: Option<u64>,
    simple_action: String,
    #[serde(deserialize_with = "decimal")]
    discount_amount: Decimal,
    #[serde(default, deserialize_with = "optional")]
    discount_qty: Option<Decimal>,
    #[serde(default, deserialize_with = "optional")]
    discount_step: Option<Decimal>,
    sort_order: i64,
    stop_rules_processing: bool,
    apply_to_shipping: bool,
    simple_free_shipping: u8,
    is_active: bool,
    coupon_type: String,
    coupon_code: Option<String>,
    customer_group_ids: BTreeSet<u64>,
    website_ids: BTreeSet<u64>,
    from_date: Option<String>,
    to_date: Option<String>,
    #[serde(default)]
    store_labels: BTreeMap<String, String>,
    description: Option<String>,
    condition: Option<Node>,
    action_condition: Option<Node>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(rename = "type")]
    kind: String,
    aggregator: Option<String>,
    value: Option<Value>,
    #[serde(default)]
    conditions: Vec<Node>,
    attribute: Option<String>,
    operator: Option<String>,
    scope: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Charges {
    items: Vec<Charge>,
    #[serde(deserialize_with = "decimal")]
    discount_total: Decimal,
    #[serde(deserialize_with = "decimal")]
    base_discount_total: Decimal,
    #[serde(deserialize_with = "decimal")]
    shipping_discount: Decimal,
    #[serde(deserialize_with = "decimal")]
    base_shipping_discount: Decimal,
    discount_label: Option<String>,
    coupon_accepted: Option<bool>,
}

#[derive(Deserialize)]
struct Charge {
    n: usize,
    #[serde(deserialize_with = "decimal")]
    discount_amount: Decimal,
    #[serde(deserialize_with = "decimal")]
    base_discount_amount: Decimal,
}

fn a_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("{text} is no day")))
}

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    optional(deserializer).map(Option::unwrap_or_default)
}

/// A number exactly as it is written.
fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => match numeric(&text_of(&value)) {
            Some(number) => Ok(Some(number)),
            None => Err(serde::de::Error::custom(format!("{value} is no number"))),
        },
    }
}

impl Raw {
    fn cart(&self, rules: &[(CartRule, Option<String>)], multiselects: &Arc<BTreeSet<String>>) -> Result<Cart, String> {
        let basis = |including: bool| if including { TaxBasis::Including } else { TaxBasis::Excluding };
        let tax = CartTax {
            catalog_prices: basis(self.store.catalog_prices_include_tax),
            discount_on: basis(self.store.discount_on == "incl_tax"),
            computed: match self.store.tax_computed.as_str() {
                "before_discount" => TaxComputed::BeforeDiscount,
                _ => TaxComputed::AfterDiscount,
            },
        };
        let positions: BTreeMap<usize, usize> = self.items.iter().enumerate().map(|(at, item)| (item.n, at)).collect();
        let line = |item: &Item| item.line(&positions);
        Ok(Cart {
            store_id: self.store.store_id,
            website_id: self.store.website_id,
            rate: self.store.rate,
            tax,
            today: self.date,
            customer_group: Some(self.customer_group_id),
            audiences: Some(Audiences::default()),
            coupon: self.coupon(rules),
            address: self.address(),
            payment_method: Some(self.payment_method.clone()),
            lines: self.items.iter().map(line).collect::<Result<_, _>>()?,
            is_complete: true,
            multiselects: Arc::clone(multiselects),
        })
    }

    fn coupon(&self, rules: &[(CartRule, Option<String>)]) -> Coupon {
        let Some(code) = &self.coupon else { return Coupon::None };
        let of_rule = |(_, own): &&(CartRule, Option<String>)| own.as_ref().is_some_and(|own| same_code(own, code));
        Coupon::Code { code: code.clone(), rule_id: rules.iter().find(of_rule).map(|(rule, _)| rule.id) }
    }

    fn address(&self) -> CartAddress {
        let shipping = self.shipping.as_ref();
        let Some(place) = &self.address else { return CartAddress::None };
        CartAddress::Known(Address {
            country: place.country_id.clone().unwrap_or_default(),
            region: place.region.clone().unwrap_or_default(),
            region_id: place.region_id,
            postcode: place.postcode.clone().unwrap_or_default(),
            shipping_method: shipping.and_then(|shipping| shipping.method.clone()),
            shipping_amount: shipping.map(|shipping| shipping.amount).unwrap_or_default(),
            base_shipping_amount: shipping.map(|shipping| shipping.base_amount).unwrap_or_default(),
        })
    }

    fn expected(&self) -> Expected {
        let expected = &self.expected;
        let of = |item: &Item| {
            let charge = expected.items.iter().find(|charge| charge.n == item.n);
            charge.map_or_else(Money::default, |it| Money { amount: it.discount_amount, base: it.base_discount_amount })
        };
        Expected {
            lines: self.items.iter().map(of).collect(),
            total: Money { amount: -expected.discount_total, base: -expected.base_discount_total },
            shipping: Money { amount: expected.shipping_discount, base: expected.base_shipping_discount },
            labels: expected.discount_label.clone().unwrap_or_default(),
            is_coupon_taken: expected.coupon_accepted,
        }
    }
}

impl Item {
    fn line(&self, positions: &BTreeMap<usize, usize>) -> Result<CartLine, String> {
        let parent = match self.parent {
            None => None,
            Some(n) => Some(*positions.get(&n).ok_or_else(|| format!("item {} has an unknown parent {n}", self.n))?),
        };
        let value = |value: &Value| match value {
            Value::Array(several) => AttributeValue::Many(several.iter().map(text_of).collect()),
            one => AttributeValue::One(text_of(one)),
        };
        let has_value = |(_, value): &(&String, &Value)| !value.is_null();
        let attributes = self.attributes.iter().filter(has_value).map(|(code, it)| (code.clone(), value(it))).collect();
        Ok(CartLine {
            parent,
            product: None,
            kind: self.kind.clone(),
            sku: self.sku.clone(),
            product_sku: self.product_sku.clone(),
            quantity: self.qty,
            unit_price: self.unit_price,
            base_unit_price: self.base_price,
            unit_price_with_tax: self.price_incl_tax,
            base_unit_price_with_tax: self.base_price_incl_tax,
            row_total: self.row_total,
            base_row_total: self.base_row_total,
            row_total_with_tax: self.row_total_incl_tax,
            base_row_total_with_tax: self.base_row_total_incl_tax,
            tax_percent: self.tax_percent,
            weight: Some(self.weight),
            is_virtual: self.is_virtual,
            facts: LineFacts {
                is_known: true,
                attribute_set: self.attribute_set_id,
                categories: self.categories_matched.clone(),
                attributes,
            },
        })
    }
}

impl Rule {
    fn read(&self, at: usize) -> Result<(CartRule, Option<String>), String> {
        let day = |day: &Option<String>| match day {
            None => Ok(None),
            Some(text) => text.get(..10).unwrap_or(text).parse().map(Some).map_err(|_| format!("{text} is no day")),
        };
        let tree = |node: &Option<Node>| node.as_ref().map_or_else(|| Ok(Condition::always()), Node::condition);
        let rule = CartRule {
            id: self.n.unwrap_or(u64::try_from(at).unwrap_or_default() + 1),
            name: String::new(),
            description: self.description.clone(),
            is_active: self.is_active,
            websites: self.website_ids.clone(),
            customer_groups: self.customer_group_ids.clone(),
            days: crate::rule::Days { from: day(&self.from_date)?, to: day(&self.to_date)? },
            priority: self.sort_order,
            stop: self.stop_rules_processing,
            conditions: tree(&self.condition)?,
            lines: tree(&self.action_condition)?,
            action: CartAction::parse(&self.simple_action),
            amount: self.discount_amount,
            most_units: self.discount_qty.filter(|most| !most.is_zero()),
            step: self.discount_step.unwrap_or_default(),
            to_shipping: self.apply_to_shipping,
            free_shipping: match self.simple_free_shipping {
                1 => FreeShipping::MatchingLines,
                2 => FreeShipping::Shipment,
                _ => FreeShipping::None,
            },
            coupon: match self.coupon_type.as_str() {
                "NO_COUPON" => CouponKind::None,
                _ => CouponKind::Specific,
            },
            labels: self.labels(),
            uses_per_customer: 0,
            uses_per_coupon: 0,
            rest: Arc::default(),
        };
        Ok((rule, self.coupon_code.clone()))
    }

    fn labels(&self) -> BTreeMap<u64, String> {
        self.store_labels.iter().filter_map(|(id, label)| Some((id.parse().ok()?, label.clone()))).collect()
    }
}

impl Node {
    fn condition(&self) -> Result<Condition, String> {
        let test = || {
            let (attribute, operator) = (self.attribute.clone(), self.operator.as_deref());
            let value = self.value.clone().unwrap_or(Value::Null);
            Test::new(attribute.unwrap_or_default(), operator.unwrap_or_default(), value)
        };
        Ok(match self.kind.as_str() {
            "combine" => Condition::Combine(self.combine()?),
            "address" => Condition::Address(test()),
            "product_found" => Condition::Found(self.combine()?),
            "product_subselect" => {
                let total = test();
                let lines = Combine { value: total.is_truthy(), ..self.combine()? };
                Condition::Subselect { total, lines }
            }
            "product" => Condition::Product {
                test: test(),
                scope: match self.scope.as_deref() {
                    Some("parent") => LineScope::Parent,
                    Some("children") => LineScope::Children,
                    _ => LineScope::Any,
                },
            },
            other => return Err(format!("\"{other}\" is no type of condition")),
        })
    }

    fn combine(&self) -> Result<Combine, String> {
        Ok(Combine {
            all: self.aggregator.as_deref() != Some("any"),
            value: self.value.as_ref().is_none_or(|value| super::super::operand::is_truthy(&text_of(value))),
            parts: self.conditions.iter().map(Self::condition).collect::<Result<_, _>>()?,
        })
    }
}
