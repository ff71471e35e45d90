/* hints_people.c - things said of people. Pure data.
 *
 * Each line is one thing that sentences say, in all languages together: English, German, French,
 * Spanish, Italian, Portuguese, Dutch, Polish, Swedish and Danish, Czech, Romanian, Hungarian. So
 * what the model of statement.c learns of a thing from rows of one language holds for the others.
 * Written as hints.c says; read by it. The number of a thing is its place; new ones go to the end
 * of hints_world.c, since the model knows them by that number.
 */
#include "policy/words/hints.h"

const struct pol_hint_words pol_hints_people[] = {
    /* ill */
    {POL_CONCEPT + 0, 0,
     "sick|ill|illness|unwell|ailment|krank*|erkrank*|malad*|enferm*|malatti*|malat*|"
     "ammalat*|doenç*|doente*|adoec*|ziek*|chor*|zachorow*|sjuk*|syg*|nemoc*|onemocn*|"
     "bolnav*|boală|boala|boli|beteg*"},
    /* suffer */
    {POL_CONCEPT + 1, 0,
     "suffer*|struggl*|leid*|quält|souffr*|galèr*|sufr*|padec*|soffr*|sofr*|lijd*|kampt|"
     "cierpi*|zmaga*|lider|lida*|kæmper|trpí*|trápí|sufer*|chinuie|szenved*|küzd"},
    /* diagnosed */
    {POL_CONCEPT + 2, 0,
     "diagnos*|festgestellt|diagnostic*|detect*|trouvé|descubri*|trovat*|encontrad*|"
     "vastgesteld|rozpozna*|wykryt*|stwierdzon*|konstater*|zjist*|descoperit|kimutat*|"
     "megállapít*"},
    /* doctor */
    {POL_CONCEPT + 3, 0,
     "doctor|gp|specialist|surgeon|consultant|nurse|arzt|ärztin|hausarzt|fachärzt*|"
     "pfleger*|hebamme|médecin*|généraliste|infirmi*|médic*|enfermer*|medico|dottor*|"
     "infermier*|arts|huisarts|verpleeg*|lekarz*|lekark*|pielęgniar*|położn*|läkar*|"
     "barnmorsk*|læge*|sygeplejersk*|lékař*|doktor*|sestř*|medic|medicul|asistent*|"
     "orvos*|doki|nővér"},
    /* hospital */
    {POL_CONCEPT + 4, 0,
     "hospital*|clinic|ward|admitted|krankenhaus*|klinik*|spital*|station|hôpita*|"
     "clinique*|hospitalis*|urgences|ingres*|ospedal*|ricover*|clínica|urgência*|"
     "internad*|ziekenhuis*|opgenomen|szpital*|przychod*|sjukhus*|inlagd|sygehus*|indlagt|"
     "nemocnic*|internat*|kórház*|befeküd*"},
    /* surgery */
    {POL_CONCEPT + 5, 0,
     "surgery|operation|operated|op|transplant*|operier*|opération|opéré*|opere|opèr*|"
     "operar|operad*|operan|opera|operaz*|cirurgi*|cirug*|operatie|geopereerd|operacj*|"
     "operowan*|operera*|operere*|operac*|operat|operația|műtét*|műtöt*|operál*"},
    /* medication */
    {POL_CONCEPT + 6, 0,
     "medication|meds|pills|tablet*|prescri*|dose|injection*|medikament*|tabletten*|"
     "spritze*|verschrieb*|rezept|médicament*|cachets|comprimé*|ordonnance|traitement|"
     "pastilla*|medicación|medicament*|receta*|farmac*|pillole|pastiglie|compresse|"
     "comprimido*|medicaç*|receita*|medicijn*|pillen|slik*|recept|leki|leków|lek|"
     "tabletk*|receptę|medicin*|piller|tabletter|léky|prášky|prášek|pastile|"
     "tratament*|rețet*|gyógyszer*|tabletta*|recept*"},
    /* therapy */
    {POL_CONCEPT + 7, 0,
     "therap*|treatment|counsell*|rehab*|therapie*|behandl*|kur|reha|thérapi*|cure|soins|"
     "terap*|tratamiento|rehabilit*|riabilit*|tratamento|fisio*|behandel*|revalid*|"
     "leczeni*|leczy|odwyk*|terapi*|behandling*|léčí|léčb*|kezel*|terápi*"},
    /* pregnant */
    {POL_CONCEPT + 8, 0,
     "pregnan*|expecting|schwanger*|ssw|enceinte*|grossesse*|embaraz*|incint*|gravidanz*|"
     "grávida*|gravidez|zwanger*|ciąż*|ciaz*|gravid*|těhot*|însărcinat*|gravidă|"
     "sarcin*|terhes*|várandós|gyereket vár"},
    /* birth */
    {POL_CONCEPT + 9, 0,
     "birth|newborn|miscarr*|geburt*|geboren|entbind*|fehlgeburt|naissance|accouch*|"
     "nouveau-né|parto|nacimiento|nació|nascita|partorit*|nascimento|bevall*|geboorte|"
     "poród|porodzie|porodu|urodzi*|noworod*|förloss*|född*|fødsel*|født|porod*|"
     "narozen*|naștere|născut*|szülés*|szült|született"},
    /* disabled */
    {POL_CONCEPT + 10, 0,
     "disab*|wheelchair|blind|deaf|impair*|behinder*|rollstuhl|gehörlos|taub|handicap*|"
     "invalid*|fauteuil|sourd*|aveugle|discapac*|minusval*|sord*|cieg*|disabil*|cieco|"
     "cieca|deficien*|incapac*|surd*|ceg*|beperking|rolstoel|doof|slechtziend|"
     "niepełnospraw*|wózk*|niewidom*|głuch*|funktions*|rullstol*|døv|postižen*|"
     "vozík*|neslyš*|nevidom*|scaun cu rotile|fogyaték*|rokkant*|kerekesszék*|vak"},
    /* cannot */
    {POL_CONCEPT + 11, 0,
     "can't|cannot|can not|unable|couldn't|won't|kann nicht|kann kein*|nicht mehr|schaff*|"
     "peut pas|peux pas|peut plus|peux plus|no puede|no puedo|non può|non posso|"
     "non riesc*|não pod*|não cons*|não aguent*|niet meer|kan niet|nie może|nie mogę|"
     "nie dam|nie daje|kan inte|orkar inte|kan ikke|nemůž*|nemohu|nezvlád*|nu poate|"
     "nu pot|nu mai|nem tud*|nem bír*"},
    /* mustnot */
    {POL_CONCEPT + 12, 0,
     "must not|mustn't|not allowed|should avoid|darf nicht|darf kein*|dürfen|soll nicht|"
     "ne doit pas|interdit|ne peut pas|no debe|prohib*|viet*|non deve|proibid*|não dev*|"
     "mag niet|verboden|nie wolno|zakaz*|zabron*|nie może|får inte|förbj*|må ikke|"
     "forbudt|nesmí|zakáz*|interzis*|nu are voie|tilos|nem szabad|nem mehet"},
    /* since */
    {POL_CONCEPT + 13, 0,
     "since|ever since|seit|seitdem|depuis|desde|hace|da quando|dal|há|sinds|od|odkąd|"
     "od kiedy|sedan|sen|siden|od té doby|co|din|de când|óta|mióta"},
    /* ago */
    {POL_CONCEPT + 14, 0,
     "ago|last year|years|year|months|weeks|vor|jahren|jahre|monate|wochen|jahr|ans|mois|"
     "semaines|année*|años|meses|semanas|año|anni|mesi|settimane|anno|anos|ano|jaar|"
     "maanden|weken|lat|lata|rok|roku|miesi*|tygod*|år|månader|veckor|måneder|uger|let|"
     "roky|měsíc*|týdn*|ani|an|luni|săptămân*|éve|évig|hónap*|hét|hete"},
    /* told */
    {POL_CONCEPT + 15, 0,
     "told|says|said|mentioned|admitted|confided|according to|erzählt*|sagt|sagte|gesagt|"
     "angegeben|berichtet|meinte|gibt an|gab an|dit|disait|raconté|confié|déclare|"
     "déclaré|affirme|dice|dijo|contó|confes*|refiere|declar*|detto|racconta*|dichiara|"
     "riferisc*|disse|contou|contei|zegt|zei|vertelde|verteld|meldt|mówi*|powiedzia*|"
     "opowiada*|twierdzi*|zgłasza*|podaje|säger|sa|berättade|uppger|siger|sagde|"
     "fortalte|oplyser|řekl*|říká|tvrdí|udává|uvedl*|spune|spus|susține|declară|"
     "mondta|mondja|elmondta|állít*"},
    /* secret */
    {POL_CONCEPT + 16, 0,
     "confidential*|don't tell|between us|secret*|in confidence|keep it|vertraulich|"
     "im vertrauen|nicht weiter*|unter uns|confidentiel*|entre nous|ne le dis|garde ça|"
     "gardez|confidencial|entre nosotros|no lo digas|discre*|riservat*|non dirlo|tra noi|"
     "não contes|segredo|sigilo|entre nós|vertrouwelijk|onder ons|niet verder|poufn*|"
     "nie mów|tajemnic*|między nami|konfidentiell*|säg inget|hemlig*|fortrol*|"
     "sig det ikke|důvěrn*|neříkej|tajn*|confidenț*|nu spune|nu-i spune|secret|"
     "bizalmas*|ne mondd|titok*|ne szólj"},
    /* unaware */
    {POL_CONCEPT + 17, 0,
     "doesn't know|don't know|no idea|nobody knows|weiß nicht|weiß nichts|niemand weiß|"
     "ahnt|ne sait pas|ignore|personne ne sait|no sabe|nadie sabe|non sa|nessuno sa|"
     "não sabe|ninguém sabe|weet niet|weet het niet|niemand weet|nie wie|nikt nie wie|"
     "vet inte|ingen vet|ved ikke|ved det ikke|neví|nikdo neví|nu știe|nimeni nu|"
     "nem tud*|senki sem"},
    /* wife */
    {POL_CONCEPT + 18, 0,
     "wife|his wife|ehefrau|meine frau|seine frau|épouse|sa femme|ma femme|esposa|mujer|"
     "moglie|mulher|vrouw|żona|żonie|żonę|żony|hustru*|fru|kone|hustruen|manželk*|"
     "žena|ženu|soția|soție|nevasta|feleség*|neje|nejét"},
    /* husband */
    {POL_CONCEPT + 19, 0,
     "husband|hubby|ehemann|mein mann|ihr mann|mari|époux|esposo|marido|marito|man|"
     "echtgenoot|mąż|mężem|męża|mężowi|maken|min man|ægtefælle|manžel*|muž|"
     "můj muž|soțul|soț|bărbatul|férj*"},
    /* partner */
    {POL_CONCEPT + 20, 0,
     "partner*|boyfriend|girlfriend|fiancé*|freundin|freund|lebensgefähr*|verlobt*|"
     "copain|copine|compagn*|petit ami|petite amie|novio|novia|pareja|compañer*|fidanzat*|"
     "ragazza|ragazzo|namorad*|companheir*|vriend|vriendin|verloofde|chłopak*|dziewczyn*|"
     "narzeczon*|partnerk*|pojkvän*|flickvän*|sambo|kæreste*|samlever|přítel*|"
     "snouben*|iubit*|logodn*|barát*|élettárs*|párja"},
    /* parent */
    {POL_CONCEPT + 21, 0,
     "mother|father|mum|mom|dad|mama|papa|parents|mutter|vater|eltern|mère|père|maman|"
     "madre|padre|mamá|papá|padres|mamma|papà|babbo|genitori|mãe|pai|pais|mamã|moeder|"
     "vader|ouders|mam|pap|matka|mamę|mamy|ojciec|tata|ojca|rodzic*|pappa|mor|far|"
     "föräldra*|forældre|máma|otec|táta|rodič*|mamă|tatăl|părinți*|anya|anyu|apa|"
     "apu|anyám|apám|szülei*"},
    /* child */
    {POL_CONCEPT + 22, 0,
     "son|daughter|kid|lad|child|boy|girl|sohn|tochter|kind|junge|kleine*|fils|fille|petit|"
     "petite|enfant|hijo|hija|niño|niña|chico|chica|figlio|figlia|bambin*|piccol*|filho|"
     "filha|menino|menina|criança|zoon|dochter|kindje|syn|syna|synow*|córk*|corka|"
     "dzieck*|sonen|dotter*|barn|søn|datter*|dcera|dcer*|dítě|kluk*|fiul|fiica|fiu|"
     "fată|băiat*|copil*|fiam|lánya*|gyerek*|gyermek*|kisfi*"},
    /* sibling */
    {POL_CONCEPT + 23, 0,
     "brother|sister|cousin|uncle|aunt|nephew|niece|in-law|brother-in-law|bruder|schwester|"
     "cousine|onkel|tante|neffe|nichte|schwager|schwägerin|schwieger*|frère|soeur|sœur|"
     "oncle|beau-*|belle-*|neveu|nièce|herman*|prim*|tío|tía|cuñad*|suegr*|sobrin*|"
     "fratello|sorella|cugin*|zio|zia|cognat*|suocer*|nipote|irmão|irmã|tio|tia|cunhad*|"
     "sogr*|broer|zus|neef|nicht|oom|zwager|schoon*|brat|brata|siostr*|kuzyn*|wuj*|ciotk*|"
     "ciocia|szwag*|teści*|bror*|syster|kusin*|farbror|morbror|moster|svåger|svägersk*|"
     "svär*|søster|fætter|kusine|svoger|sviger*|bratr*|brácha|sestra|ségra|bratran*|"
     "sestřen*|strýc*|teta|švagr*|tchyn*|tchán*|frate*|sora|soră|văr*|unchi*|"
     "mătuș*|cumnat*|soacr*|socr*|bátyám|öcsém|nővér*|húg*|unokatest*|nagybá*|"
     "nagynén*|sógor*|anyós*"},
    /* grandparent */
    {POL_CONCEPT + 24, 0,
     "grandma|grandpa|gran|nan|grandfather|grandmother|granddad|great-gran*|oma|opa|"
     "großmutter|großvater|uroma|uropa|grand-père|grand-mère|mamie|papi|abuel*|"
     "bisabuel*|yay*|nonno|nonna|bisnonn*|avo|avô|avó|bisav*|grootmoeder|grootvader|"
     "overgroot*|babci*|dziad*|prababci*|pradziad*|farfar|mormor|farmor|morfar|gammel*|"
     "bedste*|oldemor|babičk*|děda|dědeč*|prababičk*|bunic*|străbun*|nagym*|nagyap*|"
     "dédany*|dédap*"},
    /* acquaint */
    {POL_CONCEPT + 25, 0,
     "neighbour|neighbor|colleague|coworker|workmate|boss|landlord|flatmate|roommate|"
     "teacher|nachbar*|kolleg*|chef*|vermieter*|mitbewohner*|lehrer*|hausmeister*|azubi|"
     "voisin*|collègue*|patron|proprio*|colocataire|prof|vecin*|compi|jefe|jefa|casero|"
     "profe*|vicin*|collega|capo|padrone di casa|coinquilin*|vizinh*|colega*|chefe|"
     "senhorio|buurman|buurvrouw|buren|baas|huisbaas|huisgenoot|sąsiad*|koleg*|koleż*|"
     "szef*|kierowni*|współlokator*|granne*|kollega*|chefen|hyresvärd*|nabo*|udlejer*|"
     "soused*|kolega|kolegyn*|šéf*|coleg*|șef*|proprietar*|szomszéd*|kollég*|főnök*|"
     "munkatárs*"},
    /* client */
    {POL_CONCEPT + 26, 0,
     "client|patient|applicant|candidate|employee|claimant|defendant|suspect|appellant|"
     "respondent|complainant|tenant|pupil|resident|mandant*|patient*|bewerber*|kandidat*|"
     "mitarbeiter*|kläger*|angeklagt*|beschuldigt*|antragstell*|versicherte*|mieter*|"
     "schüler*|klient*|client*|salarié*|candidat*|requérant*|prévenu*|mis en cause|"
     "assuré*|élève|locataire|plaignant*|paciente|solicitante|acusad*|investigad*|"
     "asegurad*|usuari*|alumn*|inquilin*|demandante|trabajador*|paziente|dipendente|"
     "ricorrente|imputat*|indagat*|richiedente|assistit*|lavorat*|doente|utente|arguid*|"
     "requerente|trabalhador*|segurad*|alun*|patiënt*|cliënt*|sollicitant*|werknem*|"
     "verdacht*|verzoek*|leerling*|huurder*|verzekerde|pacjent*|kandydat*|pracowni*|"
     "oskarżon*|podejrzan*|wnioskodaw*|powód*|ubezpieczon*|uczeń|uczenn*|najemc*|"
     "sökande*|tilltalad*|misstänkt*|kärande*|eleven|försäkrade|hyresgäst*|ansøger*|"
     "tiltalt*|sigtet*|klager*|borger*|forsikrede|pacient*|uchazeč*|žadatel*|obžalovan*|"
     "obviněn*|žalobk*|žalobce|žák*|zaměstnan*|nájemn*|solicitant*|inculpat*|"
     "reclamant*|asigurat*|elev*|angajat*|chiriaș*|beteg*|jelentkez*|pályáz*|vádlott*|"
     "gyanúsított*|kérelmez*|felperes*|tanuló|biztosított|dolgozó*|bérlő*"},
    /* ex */
    {POL_CONCEPT + 27, 0,
     "ex|ex-wife|ex-husband|ex-partner|exfrau|exmann|ex-femme|ex-mari|exmarid*|exmuj*|"
     "ex marito|ex moglie|exman|były|była|byłego|byłej|bývalý|bývalá|fostul|fosta|"
     "volt férje|volt neje|exe"},
    /* liveswith */
    {POL_CONCEPT + 28, 0,
     "lives with|living with|moved in|live together|lebt mit|wohnt mit|zusammen|"
     "zusammengezogen|vit avec|vivent ensemble|emménag*|vive con|viven juntos|convive|"
     "convivono|vive com|moram juntos|vivem juntos|woont samen|samenwon*|mieszka z|"
     "mieszkają razem|bor ihop|bor med|bor sammen|flyttat ihop|bydlí s|žijí spolu|"
     "locuiește cu|stau împreună|együtt él*|összeköltöz*"},
    /* married */
    {POL_CONCEPT + 29, 0,
     "married|marry|wedding|civil partnership|divorc*|verheiratet|heirat*|hochzeit|"
     "verpartnert|geschieden|marié*|mariage|pacs*|casad*|casamos|boda|divorci*|sposat*|"
     "sposiamo|nozze|unit* civilmente|casou|casamento|getrouwd|trouw*|gescheiden|żonat*|"
     "zamężn*|ślub*|pobrali*|rozwod*|rozwied*|gift*|bröllop*|bryllup*|ženat*|vdan*|"
     "svatb*|rozved*|căsătorit*|însurat*|măritat*|nunt*|divorț*|nős|férjezett|"
     "esküv*|házas*|elvált"},
    /* love */
    {POL_CONCEPT + 30, 0,
     "fancy|fancies|in love|dating|kisses|kissing|kissed|sleeps with|sleeping with|affair|"
     "sex|verliebt|steht auf|steh auf|küss*|affäre|schläft mit|amoureu*|amour|sort avec|"
     "couche*|embrass*|drague*|enamorad*|me gusta|le gusta*|liad*|lío|acuesta|besa*|"
     "innamorat*|mi piacciono|gli piacciono|baci*|va a letto|apaixonad*|gosto de|caso com|"
     "beij*|verliefd|val op|valt op|zoen*|zakochan*|woli|wolę|całow*|romans|sypia*|"
     "sypiam|kär|förälskad|gillar|kyss*|forelsket|er til|zamilov*|líbí|líbal*|spí s|"
     "îndrăgostit*|îmi plac|săruta*|se culcă|szerelmes*|tetszenek|csókol*|lefeksz*"},
    /* outed */
    {POL_CONCEPT + 31, 0,
     "came out|coming out|come out|outed|out as|geoutet|outing|coming-out|"
     "sortie du placard|salir del armario|salió del armario|fare coming out|assumiu*|"
     "assumir|uit de kast|wyoutow*|coming out*|coming oucie|kom ut|komma ut|sprang ud|"
     "springe ud|coming outu|ieșit la|előbújt|coming outo*"},
    /* pray */
    {POL_CONCEPT + 32, 0,
     "prays|praying|prayer|fast|fasts|fasting|kneel*|betet|beten|gebet*|fastet|fasten|"
     "faste|prie|prière|jeûn*|reza|rezar|rezo|oración|ayun*|prega|pregar*|digiun*|"
     "oração|jeju*|bidt|bad|gebed|vast|vasten|modli*|modlitw*|pości*|post|ber|bön|"
     "fastar|fasta|beder|bøn|faster|modlí|modlit*|půst|postí|se roagă|rugăciun*|"
     "postește|imádkoz*|böjt*"},
    /* mass */
    {POL_CONCEPT + 33, 0,
     "mass|church|parish|choir|congregation|gottesdienst|kirche|gemeinde|pfarr*|messe|"
     "église|paroisse|misa|iglesia|parroquia|messa|chiesa|parrocchia|missa|igreja|"
     "paróquia|kerk|parochie|msza|mszy|mszę|kości*|parafi*|gudstjänst|kyrka*|"
     "församling*|kirke*|menighed|mše|kostel*|farnost*|biseric*|slujb*|parohi*|mise*|"
     "templom*|gyülekezet*|plébáni*"},
    /* mosque */
    {POL_CONCEPT + 34, 0,
     "mosque|synagogue|temple|gurdwara|moschee|synagoge|mosquée|mezquita|sinagoga|moschea|"
     "mesquita|moskee|meczet*|synagog*|zbor|zbór|moské*|synagoga|mešit*|moschee*|"
     "moscheea|mecset*|zsinagóg*"},
    /* baptised */
    {POL_CONCEPT + 35, 0,
     "baptis*|christen*|confirmation|communion|convert*|circumcis*|getauft|taufe*|konfirm*|"
     "kommunion|konvertier*|beschnitten|bapt*|circonci*|bautiz*|comunión|convirt*|"
     "battezz*|comunione|cresima|batiz*|comunhão|gedoopt|doop*|bekeerd|communie|ochrzc*|"
     "chrzci*|chrzest|chrzt*|komuni*|bierzm*|nawróci*|przeszed* na|döpt*|dop|konfirmerad|"
     "konvertera*|døbt*|dåb|křtil*|křest|pokřtěn*|konvert*|přestoup*|botez*|"
     "convertit|împărtăș*|keresztel*|konfirmál*|áttért|megtért"},
    /* left */
    {POL_CONCEPT + 36, 0,
     "left the|quit|resigned|cancel*|withdr*|ausgetreten|austritt*|ausgestiegen|quitté|"
     "démission*|rendu ma carte|résili*|me di de baja|dado de baja|dejé|abandon*|"
     "disdett*|lasciato|uscito da|saí|desfili*|desvincul*|opgezegd|uitgeschreven|"
     "uitgetreden|wystąpi*|wypisa*|apostazj*|gick ur|gått ur|lämnat|utträd*|"
     "meldte mig ud|meldt sig ud|udmeld*|vystoup*|ieșit din|retras|renunțat|kiléptem|"
     "kilépett|kilép*"},
    /* member */
    {POL_CONCEPT + 37, 0,
     "member*|card-carrying|membership|mitglied*|vereinsmitglied|adhérent*|membre*|"
     "encarté*|ma carte|afiliad*|miembro|militante|socio|socia|carnet|iscritt*|tesser*|"
     "tessera|filiad*|membro|sócio|lid|leden|lidmaatschap|członk*|członek|legitymac*|"
     "należy do|należę|medlem*|člen*|členk*|membr*|tagja|tagság*|tagdíj|tagok"},
    /* joined */
    {POL_CONCEPT + 38, 0,
     "joined|signed up|joining|beigetreten|eingetreten|angeschlossen|organisiert|adhéré|"
     "rejoint|inscrit*|syndiqué*|me afilié|apunt*|sumó|mi sono iscritt*|aderito|"
     "entrat* in|inscrevi*|aderi*|aangesloten|lid geworden|zapisał*|wstąpi*|dołączy*|"
     "gick med|gått med|anslut*|meldt sig ind|meldte mig ind|vstoup*|přidal*|înscris*|"
     "aderat|intrat în|belépett|csatlakoz*"},
    /* vote */
    {POL_CONCEPT + 39, 0,
     "votes|voted|vote for|voting|wählt|gewählt|wähle|wähler|vote|voté|votais|vota|"
     "votó|voto|votat*|votou|votei|stem|stemt|gestemd|głosuj*|głosowa*|röstar|röstat|"
     "röstade|stemmer|stemte|volí|volil*|volím|votează|votat|szavaz*"},
    /* candidate */
    {POL_CONCEPT + 40, 0,
     "candidate for|standing for|runs for|running for|on the list|kandidier*|tritt an|"
     "listenplatz|liste|candidat|se présente|sur la liste|se presenta|en la lista|"
     "va de número|si candida|in lista|candidat* alle|candidata-se|na lista|"
     "kandidaat voor|op de lijst|staat op|startuje|kandyduje|z listy|na liście|kandiderar|"
     "listan|stiller op|opstillet|kandiduje|kandidátk*|candidează|pe lista|indul a|"
     "jelölt*"},
    /* party */
    {POL_CONCEPT + 41, 0,
     "party|partei*|parti|partido|partito|partij|partia|partii|partię|partiet|strana|"
     "strany|partid*|párt*"},
    /* rally */
    {POL_CONCEPT + 42, 0,
     "rally|rallies|demonstrat*|protest*|march|marched|blockade|demo|kundgebung|aufmarsch|"
     "marsch|protestier*|manif*|défil*|rassemblement|manifestaci*|marcha|concentración|"
     "mitin|manifestazion*|corteo|presidio|comizio|manifestaç*|comício|demonstr*|betog*|"
     "protesta|marsz*|pikiet*|blokad*|tog|protestoval*|pochod*|miting*|marș*|tüntet*|"
     "felvonul*|vonult"},
    /* leaflet */
    {POL_CONCEPT + 43, 0,
     "leaflet*|canvass*|posters|campaigning|flugblätter|plakate|wahlkampf|infostand|"
     "tract*|affiches|collé|campagne|cartel*|octavillas|reparte|pegó|campaña|volantin*|"
     "manifesti|cartazes|campanha|panflet*|folders|plakat*|ulotk*|kampani*|affisch*|"
     "flygblad*|valarbet*|løbesedler|valgkamp|letáky|plakáty|kampaň|afișe*|fluturaș*|"
     "campani*|plakát*|szórólap*|kampány*"},
    /* elected */
    {POL_CONCEPT + 44, 0,
     "elected|councillor|chair|treasurer|mayor|ratsmitglied|stadtrat|gewählt|vorsitzend*|"
     "schatzmeister*|bürgermeister*|élu|élue|conseill*|adjoint*|trésorier*|concejal*|"
     "alcald*|tesorer*|elegid*|consigliere|assessor*|tesoriere|elett*|vereador*|deputad*|"
     "tesoureir*|eleit*|raadslid|wethouder|gekozen|voorzitter|penningmeester|radn*|wójt*|"
     "skarbnik*|wybran*|przewodnicz*|ledamot|fullmäktige|vald|ordförande|kassör|byråd*|"
     "valgt|formand|kasserer|zastupitel*|zvolen*|předsed*|pokladn*|consilier*|ales|"
     "aleasă|președint*|trezorier*|képvisel*|megválaszt*|elnök*|pénztáros*"},
    /* strike */
    {POL_CONCEPT + 45, 0,
     "strike|strikes|walkout|picket*|streik*|warnstreik|ausstand|grève*|débray*|piquet*|"
     "huelga*|paro|paros|sciopero|scioper*|greve*|stak*|staking*|strajk*|strejk*|stávk*|"
     "grev*|sztrájk*"},
    /* union */
    {POL_CONCEPT + 46, 0,
     "union|unions|gewerkschaft*|syndicat*|syndical*|syndiqu*|sindica*|vakbond*|bonden|"
     "bond|związ*|związk*|fack*|facket|fagforen*|fagbevæg*|odbor*|szakszervezet*"},
    /* dues */
    {POL_CONCEPT + 47, 0,
     "dues|subs|check-off|deduct*|contribution|beitrag*|abzug|kirchensteuer|cotisation*|"
     "prélèvement|retenue|cuota|nómina|quota|trattenuta|quote|desconto|contributie|"
     "inhouding|składk*|potrąc*|avgift*|kontingent*|příspěv*|strháv*|cotizați*|"
     "rețin*|tagdíj*|levon*"},
    /* steward */
    {POL_CONCEPT + 48, 0,
     "steward|rep|shop steward|delegate|vertrauens*|betriebsrat*|personalrat*|délégué*|"
     "représentant* syndical*|élu au cse|delegad* sindical|enlace sindical|liberado|"
     "delegat* sindacal*|rsu|rsa|delegad*|dirigente sindical|kaderlid|vakbondsman|delegat*|"
     "przewodnicząc*|skyddsombud|ombud|förtroende*|tillidsre*|tillidsm*|odborář*|"
     "předseda odb*|lider de sindicat|delegat|bizalmi"},
    /* arrested */
    {POL_CONCEPT + 49, 0,
     "arrest*|nicked|caught|detained|custody|picked up by|verhaft*|festgenommen|abgeholt|"
     "erwischt|geschnappt|untersuchungshaft|u-haft|arrêté*|interpell*|garde à vue|"
     "détenu*|détent*|embarqué|detenid*|detuvier*|pillaron|arrestat*|fermat*|fermo|"
     "custodia|preso|presa|prenderam|detid*|apanhad*|prisão preventiva|opgepakt|"
     "aangehouden|gearresteerd|aresztow*|zatrzyman*|zgarn*|areszt*|gripen|anhållen|"
     "häktad|greps|tagit|anholdt|varetægt*|zatčen*|zatkl*|sebrali|vazb*|arestat*|"
     "ridicat|reținut|prins|letartóztat*|elvitték|őrizet*|elkapták"},
    /* prison */
    {POL_CONCEPT + 50, 0,
     "prison|jail|inside|behind bars|hmp|cell|released|gefängnis*|knast|jva|haft*|"
     "gesessen|sitzt|einsitz*|entlassen|taule|détention|écrou*|incarcéré*|cárcel|"
     "prisión|preso|trena|carcere|galera|detenut*|cadeia|prisão|recluso|gevangen*|cel|"
     "bajes|vast|vastgezeten|więzie*|siedzi*|siedzia*|odsiad*|fängelse*|anstalt*|kåken|"
     "muck*|frigiv*|fængsel*|afson*|løslad*|vězen*|basa|seděl|pustil*|închisoare*|"
     "pușcări*|deținut*|eliberat*|börtön*|ült|szabadul*"},
    /* sentence */
    {POL_CONCEPT + 51, 0,
     "sentenced|sentence|convicted|conviction*|suspended|probation|parole|guilty|"
     "verurteilt*|vorbestraft*|bewährung*|strafe|vorstrafe*|haftstrafe*|schuldig|condamn*|"
     "sursis|ferme|peine|condena*|condenad*|antecedente*|libertad condicional|condann*|"
     "pena|precedent*|patteggi*|condizionale|pena suspensa|cadastro|registo criminal|"
     "cumpr*|veroordeeld*|voorwaardelijk*|celstraf|strafblad|reclassering|skazan*|wyrok*|"
     "karan*|zawias*|kurator*|dömd*|dömt*|villkorlig*|straff*|dom|dømt*|betinget|straf|"
     "odsouzen*|podmínk*|trest*|condamnat*|suspendare|pedeaps*|cazier*|elítél*|ítél*|"
     "felfüggeszt*|büntet*|próbaidő"},
    /* accused */
    {POL_CONCEPT + 52, 0,
     "accus*|charged|alleg*|suspected|investigat*|indict*|reported to|complaint against|"
     "anzeige|angezeigt|ermittel*|vorgeworfen|verdacht*|verdächtig*|beschuldig*|anklage|"
     "mis en examen|soupçonn*|plainte|poursuiv*|reproche|prévenu*|denunci*|imputad*|"
     "investigad*|querella|acusa*|sospech*|indagat*|denunciat*|querela*|accusat*|sospett*|"
     "procedimento|queixa|inquérito|acusad*|suspeit*|processo|aangifte|verdenk*|oskarż*|"
     "podejrz*|śledztw*|zarzut*|donos*|doniesi*|anmäld*|polisanmäld*|misstänk*|åtal*|"
     "utred*|anmeldt|politianmeldt|sigtet|tiltal*|mistænkt|obvin*|podezř*|"
     "trestní oznámení|vyšetř*|žalob*|acuzat*|cercet*|reclamat*|plângere|"
     "dosar penal|urmărit*|vádol*|gyanú*|feljelent*|nyomoz*|vádemel*"},
    /* steal */
    {POL_CONCEPT + 53, 0,
     "stole|steal*|theft|shoplift*|embezzl*|burgl*|fraud*|pocketed|diebstahl*|gestohlen|"
     "geklaut|klau*|stahl|einbruch*|unterschl*|betrug*|veruntreu*|vol|volé*|volait|piqu*|"
     "détourn*|escroqu*|cambriol*|robo|robó|robar|hurto*|estaf*|apropiación*|desvi*|"
     "malvers*|furto*|rubat*|rubare|truff*|appropriaz*|rapina|roub*|furt*|burla*|fraude|"
     "gestolen|stelen|diefstal*|inbra*|oplicht*|verduister*|kradzież*|krad*|ukrad*|"
     "włama*|oszust*|przywłaszcz*|stöld*|stal|stulit|inbrott*|bedräg*|förskingr*|"
     "stjål*|tyveri*|indbrud|bedrag*|underslæb|ukradl*|krádež*|vloup*|podvod*|"
     "zpronevěř*|furat*|delapid*|înșel*|escroch*|lopott|lopás*|lop*|betör*|csal*|"
     "sikkaszt*"},
    /* hit */
    {POL_CONCEPT + 54, 0,
     "beat|assault*|hit|stabb*|punched|violent|domestic violence|schlug|geschlagen|"
     "verprügelt*|körperverletz*|gewalt*|häusliche|frapp*|battu*|coups|violences|"
     "agress*|pegó|pegaba|maltrat*|agred*|agresi*|lesiones|violencia|picchi*|maltratt*|"
     "aggred*|lesioni|violenza|bateu|agrediu|violência|mishandel*|sloeg|geslagen|geweld|"
     "pobi*|bił|bije|bicie|bicia|przemoc*|znęca*|slog|slagit|misshand*|våld*|slået|"
     "vold*|bil|zbil*|násil*|ublíž*|bătut|bate|lovit|agres*|violenț*|vert|verte|"
     "megver*|bántalm*|erőszak*"},
    /* drugs */
    {POL_CONCEPT + 55, 0,
     "drugs|cocaine|heroin|weed|cannabis|dealing|dealer|speed|meth|drogen*|kokain|gras|"
     "koks|dealt|betäubungsmittel*|drogue*|coke|shit|deal*|stup*|droga*|coca|porros|"
     "trapiche*|pasando|spacci*|hashish|erba|haxixe|tráfic*|wiet|dealen|narkot*|dragi|"
     "trawk*|handlow*|dilu*|knark*|hasch|sålde|stoffer|hash|solgte|drog*|perník*|"
     "pervitin*|trávu|dealoval*|prodával|droguri|iarbă|vindea|trafic*|fű|dílerk*|"
     "árult"},
    /* drunkdrive */
    {POL_CONCEPT + 56, 0,
     "drunk driving|drink driving|drink-driving|dui|over the limit|trunkenheit*|"
     "alkohol am steuer|promille|führerschein|lappen|fahrerflucht|conduite en état|"
     "alcool au volant|permis|grammes|alcoholemia|carné|guida in stato|patente|"
     "condução sob|bêbado|álcool|carta de condução|rijden onder invloed|rijbewijs|"
     "po alkoholu|pod wpływem|prawo jazdy|promil*|rattfyll*|rattonykter|körkort*|"
     "spritkør*|spirituskør*|kørekort*|opilý|řidičák*|řídil opil*|băut la volan|"
     "condus băut|permisul|ittas*|jogosítvány*"},
    /* court */
    {POL_CONCEPT + 57, 0,
     "court|judge|tribunal|hearing|trial|solicitor|lawyer|gericht*|richter*|verhandlung|"
     "anwalt|anwält*|prozess|juge|audience|avocat*|correctionnel*|jugement|juzgado|juez*|"
     "juicio|abogad*|sentencia|tribunale|giudice|udienza|avvocat*|processo|juiz*|advogad*|"
     "julgamento|rechtbank|rechter|zitting|advocaat|sąd|sądu|sądzie|sędzi*|rozpraw*|"
     "adwokat*|mecenas*|domstol*|tingsrätt*|domare|rättegång*|advokat*|retten|dommer*|"
     "retssag*|soud*|soudc*|advokát*|tribunal*|judecăt*|proces|bíró*|tárgyal*|"
     "ügyvéd*"},
    /* restrain */
    {POL_CONCEPT + 58, 0,
     "restraining order|non-molestation|not allowed near|injunction|kontaktverbot|"
     "näherungsverbot|annäherung*|nicht nähern|ordonnance de protection|"
     "interdiction d'approcher|interdit d'approcher|alejamiento|divieto di avvicinamento|"
     "afastamento|aproximar*|contactverbod|straatverbod|zakaz zbliżania|zakaz kontaktu|"
     "kontaktförbud*|besöksförbud|tilhold|zákaz přibl*|ordin de restricție|"
     "ordin de protecție|távoltart*"},
    /* tag */
    {POL_CONCEPT + 59, 0,
     "ankle|tagged|electronic tag|curfew|fußfessel|hausarrest|bracelet|domicile|"
     "pulsera telemática|arresto domiciliario|braccialetto elettronico|domiciliari|"
     "pulseira|domiciliária|enkelband|huisarrest|obroż*|dozór*|areszt domowy|fotboja*|"
     "husarrest|fodlænke*|náram*|domácí vězení|brățară|arest la domiciliu|"
     "nyomkövet*|házi őrizet"},
    /* community */
    {POL_CONCEPT + 60, 0,
     "community service|unpaid work|community order|fine|fined|sozialstunden|"
     "gemeinnützig*|geldstrafe|tagessätz*|tig|travaux d'intérêt*|amende*|"
     "trabajos en beneficio|multa*|lavori di pubblica|lavori socialmente|multa|"
     "trabalho comunitário|taakstraf|boete|prace społeczne|prac społecznych|grzywn*|"
     "samhällstjänst|böter|bot|samfundstjeneste|bøde|veřejně prospěšné|pokut*|"
     "muncă în folosul|amend*|közmunk*|közérdekű|pénzbünt*"},
    /* finger */
    {POL_CONCEPT + 61, 0,
     "finger*|thumb|fingerprint*|daumen|zeigefinger|empreinte*|pouce|index|doigt*|huella*|"
     "dedo*|pulgar|impront*|dito|dita|pollice|indice|impressão digital|impressões|"
     "polegar|vinger*|duim|odcisk*|palec|palca|palce*|kciuk*|tumm*|fingeraftryk*|tommel*|"
     "otisk*|prst*|amprent*|deget*|ujj*|ujjlenyomat*"},
    /* face */
    {POL_CONCEPT + 62, 0,
     "face|facial|gesicht*|visage|facial*|cara|rostro|facc*|volto|viso|rosto|gezicht*|"
     "twarz*|ansikt*|ansigt*|obličej*|tvář*|față|fața|arc*"},
    /* voice */
    {POL_CONCEPT + 63, 0,
     "voice*|stimm*|voix|vocal*|voz|voce|stem|stem*|głos*|röst*|stemme*|hlas*|vocea|"
     "hang*"},
    /* iris */
    {POL_CONCEPT + 64, 0,
     "iris|palm|retina|hand geometry|iris*|handvenen*|netzhaut*|paume|main|mano|palma|"
     "íris|irid*|palmo|handpalm*|tęczów*|dłoni*|handflat*|handavtryck*|håndflad*|"
     "duhovk*|dlaň*|irisul|palm*|tenyér*|írisz*"},
    /* scan */
    {POL_CONCEPT + 65, 0,
     "scan*|template|enrol*|captured|matched|match|recognition|recognised|reader|"
     "hinterlegt|erfasst|abgleich*|abgeglichen|treffer|erkannt|erkennung*|lesegerät*|"
     "stechuhr|gabarit|enregistré*|reconnu|reconnaissance|pointeuse|lecteur|concordance|"
     "coincide|reconoc*|lector|fichar*|registrad*|registrat*|riconosc*|lettore|tornello|"
     "corrisponde|coincid*|reconhec*|leitor|recolhid*|vastgelegd|herkend|herkenn*|klok|"
     "overeen|scanner|pobran*|czytnik*|rozpozna*|bramk*|skan*|registrer*|känner igen|"
     "läsare*|stämpel*|stämmer|optaget|genkend*|læser|skann*|sejmut*|čteč*|"
     "rozpoznáv*|píchač*|luată|pontaj*|recunoaș*|cititor*|potriv*|rögzít*|olvas*|"
     "felismer*|beléptet*|azonos*"},
    /* gene */
    {POL_CONCEPT + 66, 0,
     "gene|genes|genetic*|mutation*|carrier*|dna|brca*|chromosom*|hereditary|inherited|gen|"
     "genetisch*|mutation|träger*|trägerin|dns|erbgut|erblich|vererbt|gène*|"
     "génétique*|porteu*|adn|héréditaire|genétic*|mutaci*|portador*|heredit*|geni|"
     "mutazion*|portat*|ereditar*|mutaç*|drager|draagster|draag|erfelijk*|mutatie|"
     "genetycz*|mutacj*|nosiciel*|dziedzicz*|genu|anlag*|bärare|ärftlig*|bærer|arvelig*|"
     "genetick*|mutac*|přenašeč*|dědičn*|dědíme|mutați*|purtător*|genetik*|"
     "mutáci*|hordoz*|örök*"},
    /* test */
    {POL_CONCEPT + 67, 0,
     "test|tested|result*|sample|getestet|ergebnis*|befund|probe|analyse*|résultat*|"
     "dépist*|prélèv*|prueba*|resultado*|análisis|muestra|esame|esami|risult*|analisi|"
     "campione|teste|testes|resultado|análise*|uitslag|getest|badani*|wynik*|test*|prov|"
     "provsvar|testa*|prøve|svar|testet|výsled*|vyšetřen*|rezultat*|analiz*|testul|"
     "eredmény*|teszt*|vizsgálat*|lelet*"},
    /* paternity */
    {POL_CONCEPT + 68, 0,
     "paternity|biological father|not the father|vaterschaft*|leiblich*|nicht der vater|"
     "paternité|père biologique|paternidad|padre biológico|paternità|padre biologico|"
     "paternidade|pai biológico|vaderschap*|biologische vader|ojcostw*|biologiczn*|"
     "faderskap*|biologisk*|faderskab*|otcovstv*|biologick*|paternit*|tată biologic|"
     "apaság*|vér szerinti"},
    /* halfsib */
    {POL_CONCEPT + 69, 0,
     "half-brother|half-sister|half brother|half sister|halbbruder|halbschwester|"
     "halbgeschwister|demi-frère*|demi-soeur*|demi-sœur*|medio hermano|media hermana|"
     "medio herman*|fratellastro|sorellastra|meio-irm*|meia-irm*|halfbroer|halfzus|"
     "przyrodni*|halvbror|halvsyster|halvsøster|nevlastní|frate vitreg|soră vitregă|"
     "féltest*"},
    /* runsfamily */
    {POL_CONCEPT + 70, 0,
     "runs in the family|family history|in der familie|familiär*|familienanamnese|"
     "antécédents familiaux|de famille|antecedentes familiares|familiarità|"
     "in de familie|w rodzinie|rodzinn*|i släkten|i familien|v rodině|în familie|"
     "családban|családi"},
    /* origin */
    {POL_CONCEPT + 71, 0,
     "origin|descent|roots|background|heritage|ethnicity|born in|comes from|come from|from|"
     "herkunft|abstammung|wurzeln|stammt|stämmig|gebürtig|migrationshintergrund|aus|"
     "origine*|d'origine|racines|né à|née à|originaire|origen|raíces|nacid*|proviene|"
     "ascendencia|origin*|radici|nat* a|discend*|origem|raízes|nascid*|descende*|afkomst|"
     "wortels|geboren in|komt uit|pochodz*|korzeni*|urodzon*|narodow*|ursprung*|rötter|"
     "född i|härkomst|kommer från|oprindelse|rødder|født i|kommer fra|původ*|kořen*|"
     "národnost*|pochází|narozen*|rădăcin*|născut în|etni*|származ*|gyöker*|"
     "születt*|nemzetiség*"},
    /* speakshome */
    {POL_CONCEPT + 72, 0,
     "speaks|mother tongue|native language|spricht|muttersprache|zu hause|parle|"
     "langue maternelle|à la maison|habla|lengua materna|en casa|parla|lingua madre|"
     "a casa|fala|língua materna|em casa|spreekt|moedertaal|thuis|mówi w domu|"
     "język ojczysty|w domu|talar|modersmål|hemma|taler|hjemme|mluví|mateřsk*|doma|"
     "vorbește|limba maternă|acasă|beszél|anyanyelv*|otthon"},
    /* skin */
    {POL_CONCEPT + 73, 0,
     "black|skin|coloured|dark-skinned|white|schwarz*|hautfarbe|dunkelhäutig*|haut|noir|"
     "noire|noirs|peau|métis*|negro*|negra*|piel|mulat*|nero|nera|neri|pelle|colore|"
     "preto*|preta*|pele|zwart*|huidskleur|kleur|czarn*|skór*|skóry|svart*|hud|hudfärg*|"
     "sort|hudfarve*|černoch*|černý|pleti|kůže|negru|negri|piele*|culoare*|fekete|"
     "bőr*|színem*"},
    /* slur */
    {POL_CONCEPT + 74, 0,
     "slur|racist|racism|called me|abuse|bullied|beschimpf*|rassis*|angepöbelt|beleidig*|"
     "insult*|raciste*|racisme|traité de|insultos|racis*|increp*|insulti|razzis*|offes*|"
     "uitgescholden|scheld*|wyzwisk*|wyzywa*|rasis*|rasiz*|kränk*|rasist*|skällsord*|"
     "chikan*|nadáv*|rasism*|jign*|înjur*|rasiszt*|sérteget*|gúnyol*"},
    /* half */
    {POL_CONCEPT + 75, 0,
     "half|mixed|halb*|moitié|métis|medio|media|mitad|metà|mezzo|mezza|meio|meia|metade|"
     "half*|pół|halv*|napůl|poloviční|půl|jumătate|félig|fele"},
    /* fled */
    {POL_CONCEPT + 76, 0,
     "fled|asylum|refugee|persecut*|deport*|geflohen|flüchtling*|asyl*|verfolg*|"
     "abgeschob*|fui|réfugié*|asile|persécut*|expuls*|huyó|refugiad*|asilo|persegu*|"
     "fuggit*|rifugiat*|perseguit*|fugiu|perseguid*|gevlucht|vluchteling*|asiel*|vervolg*|"
     "uciek*|uchodź*|azyl*|prześlad*|flydde|flykting*|förfölj*|flygtede*|flygtning*|"
     "forfulgt*|uprchl*|uprchlík*|pronásled*|fugit|refugiat*|azil*|menekül*|üldöz*"},
};
const size_t pol_hints_people_n = sizeof(pol_hints_people) / sizeof(pol_hints_people[0]);
