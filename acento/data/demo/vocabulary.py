"""The words of the demo language: everyday Chilean Spanish, grouped by what can sensibly be said of them.

A noun is written `word` with its gender given by the list it stands in; a person noun that has both genders
is written once in each list. A verb is written `infinitive`, or `infinitive:stem` where the stressed stem of
the present changes (`encontrar:encuentr`), or `infinitive:stem:weak` where the third persons of the preterite
change too (`pedir:pid:pid`).
"""

from __future__ import annotations

from typing import Final

Words = tuple[str, ...]


def _words(text: str) -> Words:
    """Split a list of words, and refuse a word written twice.

    >>> _words("tren leche")
    ('tren', 'leche')
    """
    words = tuple(text.split())
    if len(set(words)) != len(words):
        raise ValueError(f"a word stands twice in: {text[:60]}")
    return words


def _phrases(text: str) -> Words:
    """Split a list of phrases.

    >>> _phrases("a veces|esta tarde")
    ('a veces', 'esta tarde')
    """
    return tuple(text.split("|"))


NAMES: Final = _words(
    "carlos andrés tomás matías nicolás inés marcos luis jesús lucas camila pedro josefina patricia rodrigo "
    "cristóbal francisca ignacio trinidad soledad alejandra gabriel beatriz esteban mercedes dolores "
    "constanza sebastián violeta ernesto"
)

# class -> (masculine nouns, feminine nouns)
NOUNS: Final[dict[str, tuple[Words, Words]]] = {
    "person": (
        _words(
            "abuelo vecino maestro muchacho soldado abogado empleado pescador profesor doctor primo tío hermano "
            "hijo nieto cartero panadero bombero niño alcalde ministro músico pintor chofer jardinero huaso minero "
            "campesino estudiante turista deportista arquero dentista electricista cocinero invitado delegado "
            "diputado carpintero sastre"
        ),
        _words(
            "abuela vecina maestra muchacha abogada empleada profesora doctora prima tía hermana hija nieta niña "
            "alcaldesa ministra música pintora enfermera señora polola guagua actriz cantante artista periodista "
            "cajera costurera diputada invitada delegada modista bailarina jefa cuñada madrina"
        ),
    ),
    "food": (
        _words(
            "pan pescado helado pollo queso choclo poroto chocolate tomate melón plátano durazno pastel asado "
            "completo charqui arroz trigo postre caldo guiso marisco zapallo limón erizo champiñón damasco "
            "membrillo garbanzo picadillo estofado adobado"
        ),
        _words(
            "leche empanada ensalada palta marraqueta lechuga cebolla salchicha tostada mermelada limonada "
            "frutilla castaña manzana naranja papa sopaipilla cazuela humita galleta torta miel almendra aceituna "
            "zanahoria sandía ciruela salsa pasta cerveza mostaza espinaca"
        ),
    ),
    "thing": (
        _words(
            "candado cuchillo reloj retrato cuadro espejo mueble estante tractor coche camión barco bote techo "
            "jarro plato vaso balde martillo teléfono micrófono paraguas disco juguete trompo volantín sillón "
            "colchón canasto tambor basurero tornillo ladrillo bastón tostador candelabro teclado"
        ),
        _words(
            "llave mochila cuchara guitarra trompeta bicicleta lancha almohada frazada lámpara silla mesa puerta "
            "ventana cocina pala escoba caja cajita maleta pelota botella estufa máquina pantalla cámara radio "
            "moneda escalera cortina alfombra olla tetera pared red cadena carretilla tijera campana"
        ),
    ),
    "clothes": (
        _words(
            "traje vestido chaleco pantalón calcetín zapato sombrero abrigo poncho delantal bolsillo cinturón "
            "guante botín pañuelo disfraz uniforme"
        ),
        _words("chaqueta camisa falda blusa bufanda bota sandalia chala manta corbata polera capa ojota chomba"),
    ),
    "place": (
        _words(
            "mercado teatro centro puerto campo bosque valle pueblo desierto museo hospital colegio estadio "
            "restaurante parque cerro lago río puente kiosco aeropuerto almacén barrio patio jardín galpón banco "
            "gimnasio supermercado potrero juzgado poblado quincho consultorio"
        ),
        _words(
            "ciudad universidad plaza calle playa cancha costa isla estación biblioteca iglesia escuela oficina "
            "fábrica montaña cordillera ramada feria carretera esquina casa granja mina terraza librería panadería "
            "parada entrada vereda caleta municipalidad posada peluquería pista"
        ),
    ),
    "animal": (
        _words(
            "perro gato caballo chancho potro cordero pájaro ratón zorro puma cóndor burro pato gallo ternero "
            "conejo loro pudú huemul"
        ),
        _words(
            "gallina oveja vaca mosca paloma yegua araña abeja cabra llama alpaca tortuga gaviota lagartija "
            "mariposa ballena"
        ),
    ),
    "text": (
        _words(
            "libro cuento mensaje poema informe diario cuaderno discurso texto contrato documento mapa registro "
            "horario resultado certificado dictado comunicado permiso proyecto"
        ),
        _words(
            "carta noticia revista novela solicitud canción letra receta lista respuesta historia página encuesta "
            "tarea boleta factura explicación traducción redacción adivinanza"
        ),
    ),
    "event": (
        _words(
            "partido concierto viaje desfile estreno baile concurso campeonato bautizo matrimonio almuerzo "
            "desayuno taller ensayo remate rodeo censo"
        ),
        _words(
            "reunión fiesta celebración exposición función votación cena marcha clase entrevista presentación "
            "ceremonia excursión operación elección cosecha boda navidad once cueca visita construcción"
        ),
    ),
}

# class of the object -> verbs that take it
VERBS: Final[dict[str, Words]] = {
    "food": _words(
        "comer comprar vender cocinar preparar probar:prueb pedir:pid:pid servir:sirv:sirv repartir guardar "
        "llevar compartir congelar cortar masticar calentar:calient ofrecer mezclar adobar descargar"
    ),
    "thing": _words(
        "buscar encontrar:encuentr perder:pierd limpiar arreglar mover:muev mostrar:muestr usar prestar "
        "revisar pintar cargar cambiar olvidar esconder dejar tocar comprar vender trasladar desarmar instalar"
    ),
    "clothes": _words(
        "lavar planchar coser doblar usar colgar:cuelg guardar ensuciar prestar mojar estirar bordar comprar "
        "elegir:elig:elig regalar"
    ),
    "person": _words(
        "saludar llamar esperar ayudar visitar abrazar invitar escuchar cuidar extrañar acompañar conocer "
        "felicitar despedir:despid:despid mirar aplaudir entrevistar molestar"
    ),
    "animal": _words("cuidar alimentar buscar perseguir:persig:persig encerrar:encierr asustar espantar montar"),
    "text": _words(
        "escribir firmar estudiar enviar:enví publicar copiar corregir:corrig:corrig entregar recibir borrar imprimir "
        "explicar recitar:recit memorizar traspasar archivar"
    ),
    "event": _words(
        "organizar celebrar comenzar:comienz terminar anunciar disfrutar suspender recordar:recuerd grabar "
        "transmitir postergar filmar planear"
    ),
    "place": _words(
        "llegar viajar caminar entrar correr regresar subir bajar manejar pasear volver:vuelv pasar escapar "
        "trotar marchar"
    ),
    "none": _words(
        "descansar trabajar cantar bailar conversar llorar gritar dormir:duerm:durm jugar:jueg nadar estornudar "
        "roncar pescar soñar:sueñ discutir sufrir despertar:despiert ensayar silbar tiritar trasnochar"
    ),
}

# class -> adjectives in the masculine singular; those in -o agree in gender, all agree in number
ADJECTIVES: Final[dict[str, Words]] = {
    "person": _words(
        "cansado casado enojado preocupado simpático asustado apurado callado educado distraído honesto triste "
        "alegre famoso gracioso chileno extranjero amable valiente resfriado agotado desconfiado"
    ),
    "food": _words(
        "fresco salado dulce tostado asado frío caliente congelado rico maduro picante ahumado rallado amargo "
        "blando podrido machacado exquisito"
    ),
    "thing": _words(
        "viejo nuevo roto usado pesado cuadrado dorado oxidado cerrado perdido chico grande liviano prestado "
        "plateado trizado gastado importado metálico destapado rústico"
    ),
    "clothes": _words(
        "mojado arrugado rayado bordado negro blanco rojo verde azul gris celeste morado café elegante manchado "
        "ajustado descosido estrecho"
    ),
    "place": _words(
        "tranquilo abandonado histórico hermoso lejano cercano antiguo desconocido nevado inundado moderno "
        "peligroso desolado silencioso público"
    ),
    "animal": _words("manso bravo flaco gordo domado chúcaro encerrado arisco robusto lento hambriento"),
    "text": _words("largo corto interesante aburrido falso triste importante firmado atrasado secreto extraño"),
    "event": _words("esperado postergado divertido solemne aburrido próximo último estricto multitudinario"),
}

# what follows a form of *estar* or *quedar*, for each class
STATES: Final[dict[str, Words]] = {
    **ADJECTIVES,
    "place": _words("desierto cerrado lleno vacío iluminado destrozado rodeado repleto transformado adornado"),
    "thing": _words("guardado quebrado sucio listo estropeado colgado pintado atornillado lustrado tapado"),
    "text": _words("terminado escrito traducido corregido publicado perdido impreso atrasado subrayado"),
    "event": _words("suspendido atrasado organizado programado anunciado cancelado"),
}

# when, and how: what may end a sentence
WHEN: Final = _phrases(
    "ayer|hoy|anoche|mañana|esta tarde|esta noche|el lunes|los martes|todos los jueves|el sábado|los domingos|"
    "todos los días|muchas veces|a veces|casi siempre|después|a las tres|a las cuatro|a las seis|en agosto|"
    "en marzo|en otoño|hace dos meses|hace tres años|este mes|otra vez|antes|a la misma hora|de noche|"
    "al mediodía|tres veces|en las vacaciones|todas las semanas|después de las ocho|por la mañana"
)
HOW: Final = _phrases(
    "despacio|rápido|sin prisa|con gusto|con cuidado|de nuevo|muy bien|con nosotros|con ustedes|sin zapatos|"
    "bajo la lluvia|sin luz|en silencio|con los demás|a solas|desde temprano|hasta tarde|con tristeza|sin permiso"
)
