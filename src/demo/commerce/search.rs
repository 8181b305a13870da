//! Magento's search criteria: filters, order and pages of a list.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// What of a list is asked for.
#[derive(Debug, Default)]
pub struct Criteria {
    /// All groups must hold; of a group, any filter.
    groups: BTreeMap<u32, BTreeMap<u32, Filter>>,
    order_by: Option<String>,
    page_size: Option<usize>,
    current_page: usize,
}

#[derive(Clone, Debug, Default)]
struct Filter {
    field: String,
    value: String,
    condition: String,
}

impl Criteria {
    /// Reads a query string. What Magento does not know it leaves out, and so does this.
    pub fn of(query: Option<&str>) -> Self {
        let mut criteria = Self { current_page: 1, ..Self::default() };
        for pair in query.unwrap_or_default().split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
            criteria.take(&decoded(key), decoded(value));
        }
        criteria
    }

    fn take(&mut self, key: &str, value: String) {
        let parts: Vec<&str> = key.split(['[', ']']).filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["searchCriteria", "pageSize" | "page_size"] => self.page_size = value.parse().ok(),
            ["searchCriteria", "currentPage" | "current_page"] => self.current_page = value.parse().unwrap_or(1),
            ["searchCriteria", "sortOrders" | "sort_orders", "0", "field"] => self.order_by = Some(value),
            ["searchCriteria", "filterGroups" | "filter_groups", group, "filters", number, part] => {
                let (Ok(group), Ok(number)) = (group.parse(), number.parse()) else { return };
                let filter = self.groups.entry(group).or_default().entry(number).or_default();
                match *part {
                    "field" => filter.field = value,
                    "value" => filter.value = value,
                    "conditionType" | "condition_type" => filter.condition = value,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The answer with those of all entries that are asked for.
    pub fn answer(&self, mut all: Vec<Value>) -> Value {
        all.retain(|entry| self.groups.values().all(|group| group.values().any(|filter| filter.holds(entry))));
        if let Some(field) = &self.order_by {
            all.sort_by_key(|entry| of(entry, field).and_then(Value::as_i64));
        }
        let total = all.len();
        let size = self.page_size.filter(|size| *size > 0).unwrap_or(total.max(1));
        // Past the end Magento gives the last page again.
        let last = total.div_ceil(size).max(1);
        let first = (self.current_page.clamp(1, last) - 1) * size;
        let items: Vec<Value> = all.into_iter().skip(first).take(size).collect();
        json!({ "items": items, "search_criteria": { "filter_groups": [], "page_size": size }, "total_count": total })
    }
}

/// A field of an entry; products call their id otherwise in searches.
fn of<'v>(entry: &'v Value, field: &str) -> Option<&'v Value> {
    entry.get(if field == "entity_id" { "id" } else { field })
}

impl Filter {
    fn holds(&self, entry: &Value) -> bool {
        let Some(actual) = of(entry, &self.field) else { return self.condition == "null" };
        let text = actual.as_str().map_or_else(|| actual.to_string(), str::to_owned);
        let order = match (text.parse::<i64>(), self.value.parse::<i64>()) {
            (Ok(own), Ok(other)) => own.cmp(&other),
            _ => text.to_lowercase().cmp(&self.value.to_lowercase()),
        };
        match self.condition.as_str() {
            "gt" => order.is_gt(),
            "gteq" | "from" => order.is_ge(),
            "lt" => order.is_lt(),
            "lteq" | "to" => order.is_le(),
            "neq" => order.is_ne(),
            "in" => self.value.split(',').any(|one| one == text),
            "nin" => self.value.split(',').all(|one| one != text),
            "notnull" => true,
            "null" => false,
            _ => order.is_eq(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(query: &str) -> (Vec<i64>, i64) {
        let all: Vec<Value> = [3, 1, 2, 5, 4].map(|id| json!({ "id": id, "sku": format!("s{id}") })).into();
        let answer = Criteria::of(Some(query)).answer(all);
        let ids = answer["items"].as_array().expect("a list").iter().filter_map(|item| item["id"].as_i64());
        (ids.collect(), answer["total_count"].as_i64().expect("a number"))
    }

    #[test]
    fn filters_sorts_and_pages_as_magento_does() {
        let sorted = "searchCriteria%5BsortOrders%5D%5B0%5D%5Bfield%5D=entity_id&searchCriteria%5BpageSize%5D=2";
        assert_eq!(ids(sorted), (vec![1, 2], 5));
        assert_eq!(ids(&format!("{sorted}&searchCriteria[currentPage]=3")), (vec![5], 5));
        assert_eq!(ids(&format!("{sorted}&searchCriteria[currentPage]=9")), (vec![5], 5), "the last one again");
        let filter = |field: &str, condition: &str, value: &str| {
            let at = "searchCriteria[filter_groups][0][filters][0]";
            format!("{at}[field]={field}&{at}[condition_type]={condition}&{at}[value]={value}")
        };
        assert_eq!(ids(&filter("entity_id", "gt", "3")).1, 2);
        assert_eq!(ids(&filter("sku", "eq", "S4")).0, [4]);
        assert_eq!(ids(&filter("sku", "in", "s1,s2")).1, 2);
        assert_eq!(ids(""), (vec![3, 1, 2, 5, 4], 5));
    }
}
