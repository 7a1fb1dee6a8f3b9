/** First segments of names that parts of the mesh keep for themselves. */

/** Presence tells the catalog under filters that begin with it what a node does in a topic. */
export const PRESENCE_PREFIX = '$presence'
