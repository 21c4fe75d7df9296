/**
 * The fixed places of the servers above the base port.
 *
 * @layer codec
 */

const places = {
  console: 0,
  ub: 1,
  naf: 2,
  nafPsk: 3,
  dcd3: 4,
  dpe1: 5,
  dpe2: 6,
  dpe3: 7,
  mc1: 8,
  zn: 9,
  dm: 10,
  dmTls: 11,
  pap: 12,
  oidc: 13,
  gateway: 14
} as const

export type Place = keyof typeof places

/** The port of `place` when the first one is `base`; 0 stays 0, which takes a free one. */
export const portOf = (base: number, place: Place): number => (base === 0 ? 0 : base + places[place])
