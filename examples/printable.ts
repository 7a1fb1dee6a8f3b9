/** Texts of others, for a terminal. */

/** Without what a terminal would obey instead of showing it. */
export const printable = (text: string): string => text.replaceAll(/\p{C}/gu, ' ').trimEnd()
