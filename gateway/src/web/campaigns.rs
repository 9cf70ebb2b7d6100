//! Campaigns and what they have brought.
//!
//! In: the campaigns that run, the log of decisions. Out: per campaign vouchers, redemptions, uplift against
//! people who got nothing, minutes of waiting saved, cost; and, where blocks of time are switched, how waits
//! with steering compare with waits without. It judges nothing: intervals stand beside every number.

use super::App;
use super::history::read;
use super::reply::{self, Refusal};
use crate::campaigns::Entry;
use crate::store::results::{self, CampaignResult, Interval, Switchback};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

/// Every campaign with its results.
pub(super) async fn list(State(shared): App, request: HeaderMap) -> Result<Response, Refusal> {
    // Campaigns of one venue switch together; the first one's blocks are everybody's.
    let entries = shared.state.campaigns.entries();
    let block = entries.iter().find_map(|entry| entry.campaign.switchback);
    let (results, switchback) = read(&shared, move |connection| {
        let switchback = block.map(|block| results::switchback(connection, block)).transpose()?;
        Ok((results::campaigns(connection)?, switchback))
    })
    .await?;
    let none = CampaignResult::default();
    let told = entries.iter().map(|entry| campaign_json(entry, results.get(&*entry.campaign.name).unwrap_or(&none)));
    let told: Vec<Value> = told.collect();
    let switchback = switchback.map(|found| switchback_json(&found));
    Ok(reply::value(&request, &json!({"campaigns": told, "switchback": switchback})))
}

fn campaign_json(entry: &Entry, result: &CampaignResult) -> Value {
    let campaign = &entry.campaign;
    json!({
        "campaign": &*campaign.name,
        "version": entry.version,
        "percent": campaign.percent,
        "budget_count": campaign.budget_count,
        "issued": result.issued,
        "redeemed": result.redeemed,
        "cost": result.redeemed as f64 * campaign.cost,
        "margin": result.redeemed as f64 * campaign.margin,
        "compared_offered": result.compared.0,
        "compared_without": result.compared.1,
        "came_offered": result.came_offered,
        "came_without": result.came_without,
        "uplift": result.uplift.map(interval_json),
        "saved_min": result.saved_min.map(interval_json),
    })
}

fn switchback_json(found: &Switchback) -> Value {
    json!({
        "blocks_with": found.blocks.0,
        "blocks_without": found.blocks.1,
        "wait_with_s": found.with_s,
        "wait_without_s": found.without_s,
        "change_s": found.change_s.map(interval_json),
    })
}

fn interval_json(interval: Interval) -> Value {
    json!({"mean": interval.mean, "low": interval.low, "high": interval.high})
}
