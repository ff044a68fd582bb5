/*
 * Signs a message with the signature key of a container, as any CryptoAPI program would.
 *
 *     sign PROVIDER CONTAINER [MESSAGE]
 *
 * The container and its key are made when they are absent. What is signed, with what, and that the
 * signature holds is printed as "name value" lines; bytes are in hexadecimal. The exit code is 0
 * when the signature verified and the same signature with one bit changed was refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>
#include <wincrypt.h>

#define KEY_BITS 2048

static void fail(const char *what)
{
    fprintf(stderr, "%s failed with 0x%08lx\n", what, (unsigned long)GetLastError());
    exit(1);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void print_hex(const char *name, const BYTE *data, DWORD length)
{
    DWORD i;
    printf("%s ", name);
    for (i = 0; i < length; i++)
        printf("%02x", data[i]);
    printf("\n");
}

static HCRYPTPROV open_container(const char *provider, const char *container)
{
    HCRYPTPROV prov = 0;
    if (CryptAcquireContextA(&prov, container, provider, PROV_RSA_AES, 0)) {
        printf("container opened\n");
        return prov;
    }
    if (GetLastError() != (DWORD)NTE_BAD_KEYSET)
        fail("CryptAcquireContext");
    if (!CryptAcquireContextA(&prov, container, provider, PROV_RSA_AES, CRYPT_NEWKEYSET))
        fail("CryptAcquireContext with CRYPT_NEWKEYSET");
    printf("container created\n");
    return prov;
}

static HCRYPTKEY signature_key(HCRYPTPROV prov)
{
    HCRYPTKEY key = 0;
    if (CryptGetUserKey(prov, AT_SIGNATURE, &key)) {
        printf("key found\n");
        return key;
    }
    if (GetLastError() != (DWORD)NTE_NO_KEY)
        fail("CryptGetUserKey");
    if (!CryptGenKey(prov, AT_SIGNATURE, (DWORD)KEY_BITS << 16, &key))
        fail("CryptGenKey");
    printf("key generated\n");
    return key;
}

static HCRYPTHASH hash_message(HCRYPTPROV prov, const char *message)
{
    HCRYPTHASH hash = 0;
    if (!CryptCreateHash(prov, CALG_SHA_256, 0, 0, &hash))
        fail("CryptCreateHash");
    if (!CryptHashData(hash, (const BYTE *)message, (DWORD)strlen(message), 0))
        fail("CryptHashData");
    return hash;
}

static BYTE *sign(HCRYPTHASH hash, DWORD *length)
{
    BYTE *signature;
    if (!CryptSignHash(hash, AT_SIGNATURE, NULL, 0, NULL, length))
        fail("CryptSignHash for the size");
    signature = allocate(*length);
    if (!CryptSignHash(hash, AT_SIGNATURE, NULL, 0, signature, length))
        fail("CryptSignHash");
    return signature;
}

static BYTE *export_public(HCRYPTKEY key, DWORD *length)
{
    BYTE *blob;
    if (!CryptExportKey(key, 0, PUBLICKEYBLOB, 0, NULL, length))
        fail("CryptExportKey for the size");
    blob = allocate(*length);
    if (!CryptExportKey(key, 0, PUBLICKEYBLOB, 0, blob, length))
        fail("CryptExportKey");
    return blob;
}

int main(int argc, char **argv)
{
    const char *message = argc > 3 ? argv[3] : "softshield";
    HCRYPTPROV prov;
    HCRYPTKEY key, public_key = 0;
    HCRYPTHASH hash;
    BYTE *signature, *blob, digest[64];
    DWORD signature_length = 0, blob_length = 0, digest_length = sizeof digest;

    if (argc < 3) {
        fprintf(stderr, "usage: %s PROVIDER CONTAINER [MESSAGE]\n", argv[0]);
        return 2;
    }
    prov = open_container(argv[1], argv[2]);
    key = signature_key(prov);

    hash = hash_message(prov, message);
    signature = sign(hash, &signature_length);
    if (!CryptGetHashParam(hash, HP_HASHVAL, digest, &digest_length, 0))
        fail("CryptGetHashParam");
    CryptDestroyHash(hash);

    blob = export_public(key, &blob_length);
    print_hex("public", blob, blob_length);
    print_hex("digest", digest, digest_length);
    print_hex("signature", signature, signature_length);

    if (!CryptImportKey(prov, blob, blob_length, 0, 0, &public_key))
        fail("CryptImportKey");
    hash = hash_message(prov, message);
    if (!CryptVerifySignature(hash, signature, signature_length, public_key, NULL, 0))
        fail("CryptVerifySignature");
    printf("signature verified\n");
    CryptDestroyHash(hash);

    signature[signature_length / 2] ^= 1;
    hash = hash_message(prov, message);
    if (CryptVerifySignature(hash, signature, signature_length, public_key, NULL, 0)) {
        fprintf(stderr, "a changed signature verified\n");
        return 1;
    }
    if (GetLastError() != (DWORD)NTE_BAD_SIGNATURE)
        fail("CryptVerifySignature of a changed signature");
    printf("change refused\n");
    CryptDestroyHash(hash);

    free(signature);
    free(blob);
    CryptDestroyKey(public_key);
    CryptDestroyKey(key);
    if (!CryptReleaseContext(prov, 0))
        fail("CryptReleaseContext");
    return 0;
}
