/** What bounds the streams between services: how large a message, an array or a look ahead may become. */

const MIB = 2 ** 20;

/** Bytes of one piece of an array: its message stays under gRPC's customary limit of 4 MiB. */
export const PIECE_BYTES = 2 * MIB;

/** Rows of a batch, or of the views asked for at once, that the data loader draws. */
export const MAX_BATCH_ROWS = 8192;

/**
 * Bytes of one array of a stream: what the data loader draws at most, and what a sender can make a client hold. 512
 * images of 224×224 are 77 MB; 8,192 rows of 16,384 float32 values are 512 MiB.
 */
export const MAX_ARRAY_BYTES = 512 * MIB;

/** Views that one replica of a teacher asks of another at once. */
export const MAX_PEER_VIEWS = 4096;

/** Bytes of a file: the largest teacher, student or report that is taken over gRPC. */
export const MAX_FILE_BYTES = 1024 * MIB;

/** Steps that a client fetches ahead of the one it works on: enough to hide a fetch, few enough to stay small. */
export const PREFETCHED_STEPS = 3;

/** Batches that the data loader draws ahead of the one being sent. */
export const DRAWN_AHEAD = 2;

/** Steps of a plan that a teacher looks ahead, to fill compute batches with views that will be wanted soon. */
export const PLANNED_STEPS_AHEAD = 16;

/** Mixed batches that a teacher fetches ahead of the one it computes: one, since it serves many students. */
export const MIXED_BATCHES_AHEAD = 1;
