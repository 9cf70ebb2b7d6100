// The attendee's page: a member's view or the way to join.
// In: `?attendee=NAME` in the address. Out: her page, or the form. Refuses nothing: an unknown name simply
// has no offers.

import { translatePage } from "../shared/i18n.js";
import { offerToJoin } from "./join.js";
import { Member } from "./member.js";

translatePage("me.title");
const name = new URLSearchParams(location.search).get("attendee")?.trim();
if (name) new Member(name);
else offerToJoin();
