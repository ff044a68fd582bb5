/*
 * What must hold of the headers, checked by the compiler alone: widths and layouts as on 64-bit
 * Windows, and numbers that programs have in files and on wires.
 */
#include <wincrypt.h>

#include <windows.h>

#define HOLDS(name, condition) typedef char name[(condition) ? 1 : -1]

HOLDS(dword_has_32_bits, sizeof(DWORD) == 4);
HOLDS(bool_has_32_bits, sizeof(BOOL) == 4);
HOLDS(wchar_has_16_bits, sizeof(WCHAR) == 2);
HOLDS(handles_are_pointers, sizeof(HCRYPTPROV) == sizeof(void *));
HOLDS(blob_header, sizeof(BLOBHEADER) == 8 && offsetof(BLOBHEADER, aiKeyAlg) == 4);
HOLDS(rsa_public_key, sizeof(RSAPUBKEY) == 12);
HOLDS(dss_seed, sizeof(DSSSEED) == 24);
HOLDS(dss_public_key_3, sizeof(DSSPUBKEY_VER3) == 40);
HOLDS(dss_private_key_3, sizeof(DSSPRIVKEY_VER3) == 44);
HOLDS(enumalgs, sizeof(PROV_ENUMALGS) == 32);
HOLDS(enumalgs_ex, sizeof(PROV_ENUMALGS_EX) == 88);
HOLDS(hmac_info, sizeof(void *) != 8 || sizeof(HMAC_INFO) == 40);
HOLDS(vtable, sizeof(void *) != 8 || sizeof(VTableProvStruc) == 56);
HOLDS(rsa_keyx, CALG_RSA_KEYX == 0xa400);
HOLDS(rsa_sign, CALG_RSA_SIGN == 0x2400);
HOLDS(aes_256, CALG_AES_256 == 0x6610);
HOLDS(sha_512, CALG_SHA_512 == 0x800e);
HOLDS(tls1_master, CALG_TLS1_MASTER == 0x4c06);

/* Texts of both widths have the type their functions take. */
BOOL acquire_wide(HCRYPTPROV *prov);
BOOL acquire_wide(HCRYPTPROV *prov)
{
    return CryptAcquireContextW(prov, u"container", MS_ENH_RSA_AES_PROV_W, PROV_RSA_AES, 0);
}

BOOL acquire_either(HCRYPTPROV *prov);
BOOL acquire_either(HCRYPTPROV *prov)
{
    return CryptAcquireContext(prov, TEXT("container"), MS_ENH_RSA_AES_PROV, PROV_RSA_AES, 0);
}
