//! Campaigns as staff have edited them, every version.
//!
//! In: changes, inside the writer's transaction. Out: the version each got, the campaigns that hold now, and who
//! changed what and when. It keeps the newest `VERSIONS_MAX` of each campaign. It refuses nothing: what may be a
//! campaign is checked before.

use rusqlite::{Connection, Row, Transaction, params};

/// Versions kept of each campaign.
pub const VERSIONS_MAX: i64 = 100;

/// One change of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignChange {
    /// Its name.
    pub campaign: String,
    /// When, event time.
    pub at_us: i64,
    /// Who, in the words of whoever changed it.
    pub who: String,
    /// `added`, `changed`, `removed` or `imported`.
    pub change: String,
    /// The campaign from now on, as JSON; `None` where it is removed.
    pub body: Option<String>,
}

/// Enters changes in their order; the version of each.
///
/// # Errors
/// Whatever SQLite says.
pub fn enter(transaction: &Transaction<'_>, changes: &[CampaignChange]) -> rusqlite::Result<Vec<i64>> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO campaign_version (campaign, at_us, who, change, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut surplus = transaction.prepare_cached(
        "DELETE FROM campaign_version WHERE campaign = ?1 AND version <=
         (SELECT version FROM campaign_version WHERE campaign = ?1 ORDER BY version DESC LIMIT 1 OFFSET ?2)",
    )?;
    let mut versions = Vec::with_capacity(changes.len());
    for CampaignChange { campaign, at_us, who, change, body } in changes {
        versions.push(insert.insert(params![campaign, at_us, who, change, body])?);
        surplus.execute(params![campaign, VERSIONS_MAX])?;
    }
    Ok(versions)
}

/// Version and body of the campaigns that hold, by name; `None` where none was ever edited.
///
/// # Errors
/// Whatever SQLite says.
pub fn current(connection: &Connection) -> rusqlite::Result<Option<Vec<(i64, String)>>> {
    let mut select = connection.prepare(
        "SELECT version, body FROM campaign_version
         WHERE version IN (SELECT max(version) FROM campaign_version GROUP BY campaign) ORDER BY campaign",
    )?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))?;
    let rows: Vec<(i64, Option<String>)> = rows.collect::<rusqlite::Result<_>>()?;
    let edited = !rows.is_empty();
    Ok(edited.then(|| rows.into_iter().filter_map(|(version, body)| Some((version, body?))).collect()))
}

/// Every version kept of a campaign, newest first.
///
/// # Errors
/// Whatever SQLite says.
pub fn versions(connection: &Connection, campaign: &str) -> rusqlite::Result<Vec<(i64, CampaignChange)>> {
    let mut select = connection.prepare_cached(
        "SELECT version, campaign, at_us, who, change, body FROM campaign_version
         WHERE campaign = ?1 ORDER BY version DESC",
    )?;
    let row = |row: &Row<'_>| {
        let (campaign, at_us, who) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((row.get(0)?, CampaignChange { campaign, at_us, who, change: row.get(4)?, body: row.get(5)? }))
    };
    select.query_map([campaign], row)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn change(campaign: &str, at_us: i64, body: Option<&str>) -> CampaignChange {
        let (who, change) = ("ada".to_owned(), if body.is_some() { "changed" } else { "removed" }.to_owned());
        CampaignChange { campaign: campaign.to_owned(), at_us, who, change, body: body.map(str::to_owned) }
    }

    #[test]
    fn the_newest_version_holds_and_the_older_are_remembered() {
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = store.connection.transaction().expect("begins");
        assert_eq!(current(&transaction).expect("reads"), None);
        let first = [change("b", 1, Some("{}")), change("a", 2, Some("[1]"))];
        assert_eq!(enter(&transaction, &first).expect("enters"), [1, 2]);
        assert_eq!(enter(&transaction, &[change("a", 3, Some("[2]"))]).expect("enters"), [3]);
        let held = current(&transaction).expect("reads");
        assert_eq!(held, Some(vec![(3, "[2]".to_owned()), (1, "{}".to_owned())]));
        enter(&transaction, &[change("a", 4, None), change("b", 5, None)]).expect("enters");
        assert_eq!(current(&transaction).expect("reads"), Some(Vec::new()), "all are gone, and that holds");
        let told = versions(&transaction, "a").expect("reads");
        let told: Vec<_> = told.iter().map(|(version, it)| (*version, it.at_us, it.body.as_deref())).collect();
        assert_eq!(told, [(4, 4, None), (3, 3, Some("[2]")), (2, 2, Some("[1]"))]);
    }

    #[test]
    fn only_so_many_versions_are_kept() {
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = store.connection.transaction().expect("begins");
        enter(&transaction, &[change("other", 0, Some("{}"))]).expect("enters");
        for at_us in 0..VERSIONS_MAX + 5 {
            enter(&transaction, &[change("a", at_us, Some("{}"))]).expect("enters");
        }
        let kept = versions(&transaction, "a").expect("reads");
        assert_eq!((kept.len() as i64, kept[0].1.at_us), (VERSIONS_MAX, VERSIONS_MAX + 4));
        assert_eq!(versions(&transaction, "other").expect("reads").len(), 1);
    }
}
