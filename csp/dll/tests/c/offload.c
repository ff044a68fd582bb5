/* Calls the offload library as Microsoft's provider does: found by the registry value, with little-endian numbers, once with
 * the primes of the modulus and once without.
 *
 *     offload KEY BASE [absent]
 *
 * KEY is a PRIVATEKEYBLOB of an RSA key, BASE a file of as many bytes as its modulus has, little-endian. Leaves result.bin,
 * base^d mod n. With `absent` no module is there, and the library must decline at once. */

#include <string.h>

#include "program.h"

/* From Microsoft's reference; not in every header. */
typedef struct {
    DWORD dwVersion;
    DWORD cbPrime1;
    DWORD cbPrime2;
    PBYTE pbPrime1;
    PBYTE pbPrime2;
} PRIMES;

typedef BOOL(WINAPI *OFFLOAD_MOD_EXPO)(PBYTE base, PBYTE exponent, DWORD exponent_length, PBYTE modulus, DWORD modulus_length,
                                       PBYTE result, void *primes, DWORD flags);

static BYTE *read_file(const char *name, long *length)
{
    FILE *file = fopen(name, "rb");
    BYTE *data;
    must(file && fseek(file, 0, SEEK_END) == 0, name);
    *length = ftell(file);
    rewind(file);
    data = room(*length);
    must(fread(data, 1, *length, file) == (size_t)*length && fclose(file) == 0, name);
    return data;
}

static OFFLOAD_MOD_EXPO registered(void)
{
    HKEY key;
    char image[MAX_PATH];
    DWORD length = sizeof image, type = 0;
    HMODULE library;
    OFFLOAD_MOD_EXPO entry;

    must(RegOpenKeyExA(HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Cryptography\\Offload", 0, KEY_READ, &key) == 0,
         "the registry key Offload");
    must(RegQueryValueExA(key, EXPO_OFFLOAD_REG_VALUE, NULL, &type, (BYTE *)image, &length) == 0 && type == REG_SZ,
         "the registry value ExpoOffload");
    RegCloseKey(key);
    library = LoadLibraryA(image);
    must(library != NULL, image);
    entry = (OFFLOAD_MOD_EXPO)(void *)GetProcAddress(library, EXPO_OFFLOAD_FUNC_NAME);
    must(entry != NULL, EXPO_OFFLOAD_FUNC_NAME);
    return entry;
}

int main(int argc, char **argv)
{
    OFFLOAD_MOD_EXPO offload = registered();
    long key_length, base_length;
    BYTE *key, *base, *plain, *fast;
    DWORD length, half, start;
    PRIMES primes;

    must(argc == 3 || argc == 4, "two or three arguments");
    key = read_file(argv[1], &key_length);
    base = read_file(argv[2], &base_length);
    /* BLOBHEADER, RSAPUBKEY, modulus, prime1, prime2, exponent1, exponent2, coefficient, privateExponent. */
    must(key_length > 20 && memcmp(key + 8, "RSA2", 4) == 0, "a PRIVATEKEYBLOB");
    length = *(DWORD *)(key + 12) / 8;
    half = length / 2;
    must(key_length == (long)(20 + 2 * length + 5 * half) && base_length == (long)length, "lengths");
    primes.dwVersion = 1;
    primes.cbPrime1 = primes.cbPrime2 = half;
    primes.pbPrime1 = key + 20 + length;
    primes.pbPrime2 = primes.pbPrime1 + half;
    plain = room(length);
    fast = room(length);

    start = GetTickCount();
    BOOL without = offload(base, key + 20 + length + 5 * half, length, key + 20, length, plain, NULL, 0);
    BOOL with = offload(base, key + 20 + length + 5 * half, length, key + 20, length, fast, &primes, 0);
    if (argc == 4) {
        must(!without && !with, "no module, and yet an answer");
        must(GetTickCount() - start < 10000, "a long wait for no module");
        return 0;
    }
    must(without, "OffloadModExpo without the primes");
    must(with, "OffloadModExpo with the primes");
    must(memcmp(plain, fast, length) == 0, "the two results");
    must(!offload(base, key + 20 + length + 5 * half, length, key + 20, length, fast, NULL, 1), "unknown flags");
    write_file("result.bin", plain, length);
    return 0;
}
