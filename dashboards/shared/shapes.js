/**
 * Shapes of the API, for the type checker.
 *
 * In: nothing. Out: types; they are described at /api/openapi.json. It refuses to hold code.
 *
 * @typedef {[number, number]} Point
 * @typedef {{name: string, width_m: number, depth_m: number}} Floor
 * @typedef {{name: string, floor: string, polygon: Point[]}} Zone
 * @typedef {{floor: string, points: Point[], loss_db: number}} Wall
 * @typedef {{name: string, floor: string, x_m: number, y_m: number, z_m: number}} Receiver
 * @typedef {{name: string, floor: string, x_m: number, y_m: number}} Entrance
 * @typedef {{name: string, floor: string, area: Point[], counter: Point[], servers: number,
 *   wait_limit_s: number}} PlannedQueue
 * @typedef {{name: string, floors: Floor[], zones: Zone[], walls: Wall[], receivers: Receiver[],
 *   entrances: Entrance[], queues: PlannedQueue[]}} Venue
 *
 * @typedef {{kind: 'people', at_us: number, zone: string | null, people: number, low: number, high: number,
 *   devices: number}} People
 * @typedef {{kind: 'queue', at_us: number, queue: string, length: number, length_low: number,
 *   length_high: number, wait_s: number | null, wait_low_s: number | null, wait_high_s: number | null,
 *   arrivals_per_min: number | null, served_per_min: number | null, p_wait_over_limit: number | null,
 *   p_wait_over_limit_15min: number | null}} Queue
 * @typedef {{kind: 'heat', from_us: number, to_us: number, closed: boolean, floor: string, cell_m: number,
 *   columns: number, rows: number, cells: [number, number][], live: [number, number][]}} Heat
 * @typedef {{from_us: number, to_us: number, closed: boolean, cell_m: number, columns: number, rows: number,
 *   cells: [number, number][]}} StoredHeat
 * @typedef {{kind: 'fix', at_us: number, who: string, x_m: number, y_m: number, floor: string,
 *   error_m: number, zone: string | null}} Fix
 * @typedef {{kind: 'alert', at_us: number, alert: string, place: string, text: string,
 *   active: boolean}} Alert
 * @typedef {{kind: 'offer', at_us: number, voucher: string, attendee: string, campaign: string, stand: string,
 *   text: string, percent: number, expires_at_us: number, state?: string, changed_at_us?: number}} Offer
 * @typedef {{kind: 'voucher', at_us: number, voucher: string, campaign: string, stand: string, state: string,
 *   reason: string | null}} Voucher
 * @typedef {People | Queue | Heat | Fix | Alert | Offer | Voucher} Line
 *
 * @typedef {{receiver: string, device: string, state: string, heard_at_us: number | null, adverts_per_s: number,
 *   learnt_per_s: number, adverts: number, lost: Record<string, number>, line_faults: Record<string, number>,
 *   recoveries: Record<string, number>}} Radio
 * @typedef {{devices_alive: number, adverts_taken: number, adverts_lost: number, outbox_waiting: number,
 *   broker_connected: number, radios: Radio[]}} Health
 * @typedef {{at_us: number | null, age_s: number | null, report_every_s: number | null, venue: People | null,
 *   zones: People[], queues: Queue[], heat: Heat[], alerts: Alert[], offers: Offer[], fixes: Fix[],
 *   health: Health | null}} State
 * @typedef {{now_us: number, at_us: number | null, age_s: number | null,
 *   report_every_s: number | null}} Pulse
 * @typedef {{minute_us: number, samples: number, length_mean: number}} QueueMinute
 * @typedef {QueueMinute & {length_max: number, wait_mean_s: number | null, wait_max_s: number | null,
 *   p_wait_over_limit_15min_mean: number | null}} QueueSpan
 * @typedef {{minute_us: number, samples: number, people_mean: number, people_max: number,
 *   devices_mean: number}} PeopleSpan
 * @typedef {{origin: string, destination: string, people: number, low: number, high: number,
 *   windows: number}} MovementSum
 * @typedef {{receiver: string, state: 'hears' | 'silent' | 'unknown', distance_m: number | null,
 *   adverts_per_s: number | null, heard_at_us: number | null}} WhyReceiver
 * @typedef {{kind: 'turnstile' | 'till' | 'head_count', place: string, people: number, at_us: number}} WhyAnchor
 * @typedef {{zone: string | null, queue: string | null, at_us: number | null, age_s: number | null,
 *   people: People | null, queue_state: Queue | null, devices: number | null, receivers: WhyReceiver[],
 *   anchors: WhyAnchor[]}} Why
 * @typedef {{voucher: string, code: string, token: string | null, campaign: string, stand: string, text: string, percent: number,
 *   at_us: number, expires_at_us: number, state: string, redeemed_at_us: number | null}} AttendeeOffer
 */

export {};
