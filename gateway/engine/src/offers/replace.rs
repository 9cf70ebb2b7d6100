//! Other campaigns while the venue is open.
//!
//! In: the campaigns that are to run from now on, and what those the engine does not know have given out before.
//! Out: the same caps, budgets and estimates for those that stay. It refuses to forget a campaign that ends:
//! vouchers of it are still under way, and one that comes back goes on where it was.

use super::campaign::{CAMPAIGNS_MAX, Campaign};
use super::prices::Price;
use super::restore::Spent;
use super::{Offers, Spending};

/// Places kept for campaigns that run and that ran; beyond, a new campaign takes the place of one that ended
/// and has no voucher under way. Caps of the last day may then count offers of the old one as its own.
const PLACES_MAX: usize = 2 * CAMPAIGNS_MAX;

impl Offers {
    /// Runs these campaigns and no others.
    pub fn replace_campaigns(&mut self, campaigns: Vec<Campaign>, spent: &[Spent]) {
        self.campaigns.iter_mut().for_each(|spending| spending.runs = false);
        for campaign in campaigns {
            match self.campaign_place(&campaign.name) {
                Some(place) => {
                    let spending = &mut self.campaigns[place];
                    (spending.campaign, spending.runs) = (campaign, true);
                }
                None => self.add_campaign(campaign, spent),
            }
        }
    }

    fn add_campaign(&mut self, campaign: Campaign, spent: &[Spent]) {
        let before = spent.iter().find(|spent| spent.campaign == campaign.name);
        let (issued, redeemed) = before.map_or((0, 0), |spent| (spent.issued, spent.redeemed));
        let (price, head, changed, runs) = (Price::default(), None, false, true);
        let spending = Spending { campaign, issued, redeemed, price, head, changed, runs };
        let full = self.campaigns.len() >= PLACES_MAX;
        let ended = |place: &usize| !self.campaigns[*place].runs && self.under_way.of_campaign(*place) == 0;
        match (0..self.campaigns.len()).find(|place| full && ended(place)) {
            Some(place) => self.campaigns[place] = spending,
            None => {
                self.campaigns.push(spending);
                self.under_way.add_campaign();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::campaign::{self, tests::venue};
    use super::*;

    fn text(name: &str, percent: u32) -> String {
        format!(
            "[[campaign]]\nname = \"{name}\"\npercent = {percent}\ntext = \"x\"\nwhen_wait_over_s = 60\nand_wait_there_under_s = 60\n"
        )
    }

    fn campaigns(text: &str) -> Vec<Campaign> {
        campaign::parse(text, &venue()).expect("campaigns")
    }

    fn shown(offers: &Offers) -> Vec<(String, f64, u64, bool)> {
        let one = |it: &Spending| (it.campaign.name.to_string(), it.campaign.percent, it.issued, it.runs);
        offers.campaigns.iter().map(one).collect()
    }

    #[test]
    fn who_stays_keeps_its_books_and_who_comes_brings_them() {
        let mut offers = Offers::new(venue().into(), 1, campaigns(&(text("a", 10) + &text("b", 10))), None);
        offers.campaigns[0].issued = 7;
        let spent = [Spent { campaign: "c".into(), issued: 5, redeemed: 2 }];
        offers.replace_campaigns(campaigns(&(text("c", 30) + &text("a", 20))), &spent);
        let row = |name: &str, percent, issued, runs| (name.to_owned(), percent, issued, runs);
        let wanted = [row("a", 20.0, 7, true), row("b", 10.0, 0, false), row("c", 30.0, 5, true)];
        assert_eq!(shown(&offers), wanted);
        offers.replace_campaigns(Vec::new(), &[]);
        assert!(!offers.has_campaigns());
        offers.replace_campaigns(campaigns(&text("b", 40)), &[]);
        assert!(offers.has_campaigns());
        assert_eq!(shown(&offers)[1], row("b", 40.0, 0, true));
    }

    #[test]
    fn places_of_ended_campaigns_are_used_again_when_there_are_too_many() {
        let mut offers = Offers::new(venue().into(), 1, Vec::new(), None);
        for number in 0..PLACES_MAX + 10 {
            offers.replace_campaigns(campaigns(&text(&format!("n{number}"), 10)), &[]);
        }
        assert_eq!(offers.campaigns.len(), PLACES_MAX);
        assert_eq!(offers.campaigns.iter().filter(|spending| spending.runs).count(), 1);
    }
}
