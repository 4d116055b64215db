/** Who asks a camera to be let in. */
export interface Login { readonly user: string; readonly password: string }
