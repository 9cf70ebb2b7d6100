//! Tests of editing: what an edit comes to, what it is refused for, and both shapes of a campaign.

use super::*;
use serde_json::json;

fn book() -> Book {
    Book::of_text(campaign::SHIPPED, Arc::new(crate::store::samples::venue())).expect("the shipped file")
}

fn body(name: &str, percent: i64) -> Map<String, Value> {
    let value = json!({
        "name": name, "percent": percent, "text": "{percent} % \"off\" at {stand}", "when_wait_over_s": 180.5,
        "and_wait_there_under_s": 120, "hours_utc": ["10:00-14:00"], "stock_count": null,
        "translations": {"de": "{percent} % Rabatt"},
    });
    value.as_object().expect("an object").clone()
}

/// Makes an edit and takes it over, with versions from 1 on.
fn edit(book: &Book, edit: Edit, next_version: &mut i64) -> Vec<String> {
    let plan = book.plan(edit, 5, "ada").expect("possible");
    let told = plan.changes.iter().map(|it| format!("{} {} by {}", it.campaign, it.change, it.who)).collect();
    let versions: Vec<i64> = (0..plan.changes.len() as i64).map(|number| *next_version + number).collect();
    *next_version += plan.changes.len() as i64;
    book.set(plan.numbered(&versions));
    told
}

fn shown(book: &Book) -> Vec<(String, f64, Option<i64>)> {
    let one = |it: &Entry| (it.campaign.name.to_string(), it.campaign.percent, it.version);
    book.entries().iter().map(one).collect()
}

#[test]
fn the_first_edit_keeps_what_the_configuration_had() {
    let (book, mut next) = (book(), 1);
    let told = edit(&book, Edit::Put(body("happy hour", 30), true), &mut next);
    assert_eq!(told, ["short-queue imported by configuration", "happy hour added by ada"]);
    assert_eq!(shown(&book), [("happy hour".into(), 30.0, Some(2)), ("short-queue".into(), 20.0, Some(1))]);
    assert_eq!(edit(&book, Edit::Put(body("happy hour", 40), false), &mut next), ["happy hour changed by ada"]);
    assert_eq!(edit(&book, Edit::Put(body("happy hour", 40), false), &mut next), [""; 0], "nothing is new");
    assert_eq!(edit(&book, Edit::Remove("short-queue".into()), &mut next), ["short-queue removed by ada"]);
    assert_eq!(shown(&book), [("happy hour".into(), 40.0, Some(3))]);
}

#[test]
fn a_file_goes_out_and_comes_back_the_same() {
    let (book, mut next) = (book(), 1);
    edit(&book, Edit::Put(body("happy \"hour\"", 30), true), &mut next);
    let (text, before) = (to_toml(&book.entries()), book.campaigns());
    assert_eq!(edit(&book, Edit::Import(text.clone()), &mut next), [""; 0], "{text}");
    let other = to_toml(&[Entry { body: body("other", 10), ..book.entries()[0].clone() }]);
    edit(&book, Edit::Import(other), &mut next);
    assert_eq!(shown(&book).len(), 1);
    edit(&book, Edit::Import(text.clone()), &mut next);
    assert_eq!(book.campaigns(), before, "{text}");
    let again = self::book();
    again.restore(book.entries().iter().map(|it| (9, Value::Object(it.body.clone()).to_string())).collect());
    assert_eq!(again.campaigns(), book.campaigns());
}

#[test]
fn every_fault_is_told_with_its_key() {
    let check = |change: &[(&str, Value)], wanted: &[&str]| {
        let mut body = body("a", 20);
        change.iter().for_each(|(key, value)| drop(body.insert((*key).to_owned(), value.clone())));
        let Err(Problem::Faults(faults)) = book().plan(Edit::Put(body, false), 0, "") else { panic!("{change:?}") };
        let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, wanted, "{faults:?}");
        assert!(faults.iter().all(|(_, what)| what.len() > 10), "{faults:?}");
    };
    check(&[("percent", json!(200))], &["percent"]);
    check(&[("percent", json!("20"))], &["percent"]);
    check(&[("percnt", json!(20))], &["percnt"]);
    check(&[("stand", json!("bar north"))], &["stand"]);
    check(&[("percent", json!(0)), ("validity_s", json!(1))], &["percent", "validity_s"]);
    check(&[("translations", json!({"de": "{nothing}"}))], &["translations.de"]);
    check(&[("translations", json!({"de": 7}))], &["translations"]);
    check(&[("text", json!({"deep": {"deeper": 1}}))], &["text"]);
    check(&[("hours_utc", json!([["10:00-14:00"]]))], &["hours_utc"]);
    check(&[("name", json!(""))], &["name"]);
    check(&[("name", Value::Null)], &["name"]);
    let Err(Problem::Faults(faults)) = book().plan(Edit::Import("# none\n".into()), 0, "") else { panic!("refused") };
    assert_eq!(faults[0].0, "campaign");
    let Err(Problem::Faults(faults)) = book().plan(Edit::Import("\n[[campaign]]\nx = 1\n".into()), 0, "") else {
        panic!("refused")
    };
    assert!(faults.iter().any(|(line, _)| line == "line 3"), "{faults:?}");
}

#[test]
fn what_is_not_there_or_is_there_already_is_told() {
    let book = book();
    let problem = |edit| book.plan(edit, 0, "").expect_err("refused");
    assert_eq!(problem(Edit::Remove("nobody".into())), Problem::Unknown);
    assert_eq!(problem(Edit::Put(body("short-queue", 20), true)), Problem::Exists);
    assert_eq!(shown(&book), [("short-queue".into(), 20.0, None)], "nothing is changed by a plan");
}
